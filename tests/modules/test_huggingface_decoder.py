"""Causal language models behind our generation: the ids that transformers generates."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from mplug2.modules import Generation, HuggingFaceDecoder, Memory, generate

SIZES = dict(vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
SIZES |= dict(initializer_range=0.3, init_std=0.3, eos_token_id=2, bos_token_id=1, pad_token_id=0)
KINDS = dict(
    qwen3=dict(num_key_value_heads=2, head_dim=8, tie_word_embeddings=True),
    smollm3=dict(num_key_value_heads=2),
    llama=dict(num_key_value_heads=2),
    opt=dict(ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=64),
)


def decoder_of(kind: str, **arguments: object) -> HuggingFaceDecoder:
    torch.manual_seed(3)
    return HuggingFaceDecoder(dict(model_type=kind, **SIZES, **KINDS[kind]), **arguments).eval()


def some_memory(masked: bool) -> Memory:
    tokens = torch.randn(3, 6, 32, generator=torch.Generator().manual_seed(0))
    return Memory(tokens, torch.arange(6) < torch.tensor([[6], [4], [5]]) if masked else None)


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('kind', list(KINDS))
def test_ids_are_those_of_transformers(kind: str, masked: bool) -> None:
    decoder, memory = decoder_of(kind), some_memory(masked)
    words = decoder.model.get_input_embeddings()
    prefix = torch.cat([memory.tokens, words(torch.ones(3, 1, dtype=torch.long))], 1)
    mask = torch.ones(3, 7, dtype=torch.long)
    if masked:
        mask[:, :6] = memory.mask
    for beams in (1, 3):
        ours = generate(decoder, memory, Generation(beams, 1, 8, finish='standard', length_penalty=1.0), 1, 2)
        theirs = decoder.model.generate(
            inputs_embeds=prefix, attention_mask=mask, num_beams=beams, min_new_tokens=2, max_new_tokens=8, do_sample=False
        ).tolist()
        theirs = [row[: row.index(2) + 1] if 2 in row else row for row in theirs]
        assert [best.ids[1:] for best, *_ in ours] == theirs


def test_targets_share_the_memory_of_their_sample() -> None:
    decoder, memory = decoder_of('qwen3', before=[5, 6], after=[7]), some_memory(True)
    ids = torch.randint(3, 61, (6, 4))
    apart = [decoder(ids[row : row + 1], memory.select(torch.tensor([row // 2]))) for row in range(6)]
    assert_close(decoder(ids, memory), torch.cat(apart), rtol=1e-4, atol=1e-4)
    assert_close(decoder(ids[[3, 0]], memory, torch.tensor([1, 0])), torch.cat([apart[3], apart[0]]), rtol=1e-4, atol=1e-4)
    words = decoder.model.get_input_embeddings()
    whole = torch.cat([words(torch.tensor([5, 6])), memory.tokens[0], words(torch.tensor([7])), words(ids[0])])
    assert_close(apart[0], decoder.model(inputs_embeds=whole[None]).logits[:, -4:], rtol=1e-4, atol=1e-4)


def test_a_chat_around_the_memory(tmp_path) -> None:
    vocab = {word: number for number, word in enumerate(['<user>', '<bot>', 'describe', 'it', '<unk>'])}
    backend = Tokenizer(models.WordLevel(vocab, unk_token='<unk>'))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token='<unk>')
    tokenizer.chat_template = (
        "{% for m in messages %}<user> {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}<bot>{% endif %}"
    )
    tokenizer.save_pretrained(tmp_path)
    saved = decoder_of('llama').model
    plain = AutoModelForCausalLM.from_config(saved.config)
    plain.save_pretrained(tmp_path)
    decoder = HuggingFaceDecoder(str(tmp_path), prompt='describe it').eval()
    decoder.init_weights()
    assert (decoder.before.tolist(), decoder.after.tolist()) == ([0], [2, 3, 1])
    ids = torch.randint(3, 61, (1, 4))
    prefix = plain.get_input_embeddings()(torch.tensor([[0, 2, 3, 1]]))
    memory = torch.randn(1, 2, 32)
    whole = torch.cat([prefix[:, :1], memory, prefix[:, 1:], plain.get_input_embeddings()(ids)], 1)
    assert_close(decoder(ids, Memory(memory)), plain.eval()(inputs_embeds=whole).logits[:, -4:], rtol=1e-4, atol=1e-5)


def test_configs_that_are_none() -> None:
    with pytest.raises(ValueError, match="the config needs a 'model_type'"):
        HuggingFaceDecoder(dict(hidden_size=32))
    with pytest.raises(ValueError, match='a prompt needs a folder or hub name'):
        HuggingFaceDecoder(dict(model_type='llama'), prompt='describe it')
