"""Causal language models of transformers as decoders. B samples, K hypotheses a sample, L target tokens, N memory tokens."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .contracts import Memory
from .wrapped import WrappedLayer, source_and_config

if TYPE_CHECKING:
    from ..testing.tiny import TinySize


class HuggingFaceState(NamedTuple):
    """The model's own cache, whose rows are hypotheses, and their mask (B*K, N + t) bool, or None where all tokens are real.

    The cache grows in place: a state is used up by the next step.
    """

    cache: Any
    mask: Tensor | None

    def reorder(self, rows: Tensor) -> HuggingFaceState:
        """Give each hypothesis the cache of row `rows[i]`."""
        self.cache.reorder_cache(rows)
        return self._replace(mask=None if self.mask is None else self.mask.index_select(0, rows))

    def keep_samples(self, samples: Tensor) -> HuggingFaceState:
        """Memory is part of the hypotheses' cache, which `reorder` selects."""
        return self


@MODELS.register_module()
class HuggingFaceDecoder(nn.Module):
    """Any causal language model of `transformers.AutoModelForCausalLM`: the memory comes before the text, as word vectors.

    A projector brings the memory to the model's width. In a chat, the user's turn is the memory followed by `prompt`.

    Args:
        model: a config as a dict with its ``model_type`` ('qwen3', 'llama', 'opt', ...), which starts from random weights; or a
            local folder or hub name, whose weights `init_weights` loads.
        prompt: the user's words after the memory, written by the chat template of the source's tokenizer; None writes the
            memory alone. Only with a folder or hub name.
        before, after: ids of tokens before and after the memory, instead of a prompt.

    Raises:
        ImportError: transformers is not installed. ValueError: no model type, or a prompt without a source.
    """

    entry_points = ('prefill', 'step')

    def __init__(
        self, model: dict | str, prompt: str | None = None, before: Sequence[int] = (), after: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.source, config = source_and_config(model, 'HuggingFaceDecoder', 'qwen3')
        from transformers import AutoModelForCausalLM

        if prompt is not None:
            if self.source is None:
                raise ValueError('HuggingFaceDecoder: a prompt needs a folder or hub name, whose tokenizer has a template')
            before, after = chat_ids(self.source, prompt)
        self.model = AutoModelForCausalLM.from_config(config)
        self.width = self.memory_width = self.model.get_input_embeddings().embedding_dim
        self.vocab_size = config.vocab_size
        self.register_buffer('before', torch.tensor(before, dtype=torch.long), persistent=False)
        self.register_buffer('after', torch.tensor(after, dtype=torch.long), persistent=False)
        arguments = inspect.signature(self.model.forward).parameters
        self.cache_name = 'cache' if 'cache' in arguments else 'past_key_values'  # transformers 5 renames it
        stack = next(part for part in self.model.modules() if isinstance(part, nn.ModuleList))
        for number, layer in enumerate(stack):
            stack[number] = WrappedLayer(layer)
        self.register_load_state_dict_post_hook(lambda decoder, _: decoder.model.tie_weights())  # assigned weights part

    def init_weights(self) -> None:
        """Load the weights of `source`; a model made from a dict keeps the random ones that transformers gave it."""
        if self.source is not None:
            from transformers import AutoModelForCausalLM

            state = AutoModelForCausalLM.from_pretrained(self.source).state_dict()
            names = {key.replace('.layer.', '.', 1) if key not in state else key: key for key in self.model.state_dict()}
            self.model.load_state_dict({names[key]: value for key, value in state.items()})

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        kind = cfg['model']['model_type'] if isinstance(cfg['model'], dict) else 'llama'
        sizes = dict(vocab_size=1000, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48)
        cfg['model'] = dict(model_type=kind, num_key_value_heads=1, head_dim=16, max_position_embeddings=512, **sizes)
        cfg['model'].update(ffn_dim=48, word_embed_proj_dim=32)  # OPT's names
        for key in ('prompt', 'before', 'after'):
            cfg.pop(key, None)

    @property
    def word_table(self) -> Tensor:
        """(V, C)."""
        return self.model.get_input_embeddings().weight

    def _prefix(self, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """What comes before the text, (B, N', C), and its mask."""
        words = self.model.get_input_embeddings()
        count = len(memory.tokens)
        before, after = (words(ids).expand(count, -1, -1) for ids in (self.before, self.after))
        tokens = torch.cat([before, memory.tokens.to(before.dtype), after], 1)
        if memory.mask is None:
            return tokens, None
        real = memory.mask.new_ones(count, 1)
        parts = [real.expand(-1, len(self.before)), memory.mask, real.expand(-1, len(self.after))]
        return tokens, torch.cat(parts, 1)

    def _start(self, ids: Tensor, memory: Memory, rows: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor | None]:
        """Arguments of the model for a prefix and the text after it, and the mask of both."""
        prefix, mask = self._prefix(memory)
        if rows is not None:
            prefix, mask = prefix.index_select(0, rows), None if mask is None else mask.index_select(0, rows)
        arguments = dict(inputs_embeds=torch.cat([prefix, self.model.get_input_embeddings()(ids).to(prefix.dtype)], 1))
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(ids.shape)], 1)
            positions = (mask.long().cumsum(1) - 1).clamp(min=0)
            arguments |= dict(attention_mask=mask.long(), position_ids=positions)
        return arguments, mask

    def forward(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """Teacher forcing: ids (M, L), padded on the right, each after the memory of its sample -> logits (M, L, V)."""
        targets, samples = len(ids), len(memory.tokens)
        if sample is None and targets != samples:
            sample = torch.arange(samples, device=ids.device).repeat_interleave(targets // samples)
        arguments, _ = self._start(ids, memory, sample)
        return self.model(**arguments, use_cache=False, logits_to_keep=ids.shape[1]).logits.float()

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, HuggingFaceState]:
        """Start a generation: ids (B, L) -> logits (B, V) of the next token, and the state."""
        from transformers import DynamicCache

        cache = DynamicCache(config=self.model.config)
        arguments, mask = self._start(ids, memory)
        logits = self.model(**arguments, **{self.cache_name: cache}, use_cache=True, logits_to_keep=1).logits[:, -1]
        return logits.float(), HuggingFaceState(cache, mask)

    def step(self, ids: Tensor, state: HuggingFaceState) -> tuple[Tensor, HuggingFaceState]:
        """Extend every hypothesis by its token: ids (B*K,) -> logits (B*K, V), and the state."""
        arguments: dict[str, Any] = {}
        mask = state.mask
        if mask is not None:
            arguments['position_ids'] = mask.long().sum(1, keepdim=True)
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
            arguments['attention_mask'] = mask.long()
        arguments[self.cache_name] = state.cache
        logits = self.model(input_ids=ids[:, None], use_cache=True, **arguments).logits[:, -1]
        return logits.float(), state._replace(mask=mask)


def chat_ids(source: str, prompt: str) -> tuple[list[int], list[int]]:
    """Ids before and after what the user shows, in a chat whose user shows something and then says `prompt`.

    Args:
        source: folder or hub name of a tokenizer with a chat template.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source)
    shown = '\ufffc'  # the object replacement character
    text = tokenizer.apply_chat_template(
        [dict(role='user', content=f'{shown}\n{prompt}')], tokenize=False, add_generation_prompt=True
    )
    before, _, after = text.partition(shown)
    return tuple(tokenizer.encode(part, add_special_tokens=False) for part in (before, after))
