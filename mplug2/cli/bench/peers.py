"""``mplug2 bench peers``: models of the field, ours against transformers, with the same random weights in one run."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from ...model import MPlug2

CAPTIONS = 128  # that one image is matched with
WORDS = 12  # of a caption


class Scale(NamedTuple):
    """Sizes and effort of a run. depth: layers of each stack. tokens: generated. batches: images or clips at a time."""

    depth: int
    image_size: int
    tokens: int
    batches: tuple[int, ...]
    beams: tuple[int, ...]
    repeat: int


FULL = Scale(depth=12, image_size=384, tokens=20, batches=(1, 8), beams=(1, 3, 5), repeat=5)
QUICK = Scale(depth=2, image_size=224, tokens=10, batches=(1,), beams=(1, 5), repeat=2)


class Pair(NamedTuple):
    """One computation twice. Both return what has to agree."""

    name: str
    batch: int
    beams: int
    ours: Callable[[], Any]
    theirs: Callable[[], Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--quick', action='store_true', help='shallow models, one image at a time: under a minute')
    parser.add_argument('--json', action='store_true', help='print a list of name, dtype, batch, beams, ratio alone')
    parser.add_argument('--only', metavar='NAME', help='models whose name starts so: blip-captions, blip-matching, git, ...')


def run(args: argparse.Namespace) -> None:
    import torch
    from transformers.utils import logging

    from ...engine.optim.wrapper import computes_bf16
    from .measure import describe_run, seconds

    logging.set_verbosity_error()
    torch.manual_seed(0)
    scale = QUICK if args.quick else FULL
    dtypes = ['float32', 'bfloat16'] if computes_bf16() else ['float32']
    rows = []
    if not args.json:
        print(describe_run())
        print('median of interleaved runs; ratio: seconds of transformers, as it runs by default, over ours')
    for name, models in MODELS.items():
        for pair in models(scale) if name.startswith(args.only or '') else ():
            results: dict[str, Any] = {}

            def kept(which: str, call: Callable[[], Any], results: dict = results) -> Callable[[], None]:
                return lambda: results.update({which: call()})

            calls = {'theirs': kept('theirs', pair.theirs), 'float32': kept('ours', pair.ours)}
            calls |= {dtype: in_autocast(pair.ours, dtype) for dtype in dtypes[1:]}
            with torch.inference_mode():
                times = seconds(calls, scale.repeat)
            agree = results['ours'] == results['theirs']
            for dtype in dtypes:
                ratio = times['theirs'] / times[dtype]
                rows.append(dict(name=pair.name, dtype=dtype, batch=pair.batch, beams=pair.beams, ratio=round(ratio, 2)))
                if not args.json:
                    print(
                        f'  {pair.name:<18}{dtype:<10}batch {pair.batch:<3}beams {pair.beams}  ours {times[dtype]:8.3f} s  '
                        f'transformers {times["theirs"]:8.3f} s  ratio {ratio:5.2f} x  '
                        + ('results agree' if agree else 'results DIFFER')
                    )
    if args.json:
        print(json.dumps(rows, indent=1))


def in_autocast(call: Callable[[], Any], dtype: str) -> Callable[[], Any]:
    """The call as the Inferencer makes it with that dtype."""
    import torch

    def cast() -> Any:
        with torch.autocast('cuda' if torch.cuda.is_available() else 'cpu', getattr(torch, dtype)):
            return call()

    return cast


def counterpart(reference: PreTrainedModel) -> MPlug2:
    """Our model of one of transformers, with its weights."""
    from mmengine.logging import MMLogger
    from tokenizers import Tokenizer, models

    from ...apis.hub import load_hub_model
    from ...checkpoints.hub import HubFolder

    MMLogger.get_current_instance().setLevel('ERROR')  # the table of weights
    config = {**reference.config.to_dict(), 'architectures': [type(reference).__name__]}
    with tempfile.TemporaryDirectory() as folder:
        Tokenizer(models.WordLevel({'<unk>': 0}, unk_token='<unk>')).save(f'{folder}/tokenizer.json')
        return load_hub_model(HubFolder(Path(folder), config), reference.state_dict())


def images(scale: Scale, batch: int, frames: int = 1) -> torch.Tensor:
    import torch

    return torch.randn(batch, frames, 3, scale.image_size, scale.image_size)


def best_ids(generated: tuple[list, list]) -> list[list[int]]:
    return [best[1:] for best, *_ in generated[0]]


def captions(name: str, scale: Scale, ours: MPlug2, pixels: torch.Tensor, generate: Callable[..., Any]) -> Iterator[Pair]:
    """Pairs that generate an exact number of tokens at every number of beams.

    Args:
        generate: of transformers, given its settings; returns ids of which the last are the generated ones.
    """
    count = scale.tokens
    for beams in scale.beams:
        theirs_settings = dict(num_beams=beams, min_new_tokens=count, max_new_tokens=count, do_sample=False)
        settings = dict(num_beams=beams, min_length=count, max_length=count, length_penalty=1.0, finish='standard')
        yield Pair(
            name,
            len(pixels),
            beams,
            lambda settings=settings: best_ids(ours.generate(pixels, **settings)),
            lambda theirs_settings=theirs_settings: generate(**theirs_settings)[:, -count:].tolist(),
        )


def blip_captions(scale: Scale) -> Iterator[Pair]:
    from transformers import BlipConfig, BlipForConditionalGeneration

    sizes = dict(num_hidden_layers=scale.depth)
    text = dict(num_attention_heads=12, **sizes)
    config = BlipConfig(text_config=text, vision_config=dict(image_size=scale.image_size, initializer_range=0.02, **sizes))
    theirs = BlipForConditionalGeneration(config).eval()
    ours = counterpart(theirs)
    for batch in scale.batches:
        pixels = images(scale, batch)
        yield from captions(
            'blip captions', scale, ours, pixels, lambda pixels=pixels, **settings: theirs.generate(pixels[:, 0], **settings)
        )


def blip_matching(scale: Scale) -> Iterator[Pair]:
    import torch
    from transformers import BlipConfig, BlipForImageTextRetrieval

    from ...structures import Tokens

    sizes = dict(num_hidden_layers=scale.depth)
    text = dict(num_attention_heads=12, **sizes)
    config = BlipConfig(text_config=text, vision_config=dict(image_size=scale.image_size, initializer_range=0.02, **sizes))
    theirs = BlipForImageTextRetrieval(config).eval()
    ours = counterpart(theirs)
    pixels, ids = images(scale, 1), torch.randint(1000, 30000, (CAPTIONS, WORDS))
    task = ours.tasks['retrieval']

    def match() -> list[int]:
        text = ours.network.encode_text(Tokens(ids, torch.ones_like(ids, dtype=torch.bool)))
        return order(task.match(ours.network, text, ours.network.encode_vision(pixels)))

    def reference() -> list[int]:
        tokens = theirs.vision_model(pixels[:, 0]).last_hidden_state.expand(CAPTIONS, -1, -1)
        read = theirs.text_encoder(input_ids=ids, attention_mask=torch.ones_like(ids), encoder_hidden_states=tokens)
        return order(theirs.itm_head(read.last_hidden_state[:, 0]))

    yield Pair('blip matching', 1, 1, match, reference)


def order(scores: torch.Tensor) -> list[int]:
    """The five texts that match best."""
    return scores.float().diff(dim=1)[:, 0].topk(5).indices.tolist()


def git_captions(scale: Scale) -> Iterator[Pair]:
    import torch
    from transformers import GitConfig, GitForCausalLM

    vision = dict(num_hidden_layers=scale.depth, image_size=224)
    config = GitConfig(vision_config=vision, num_hidden_layers=min(6, scale.depth), num_image_with_embedding=6)
    theirs = GitForCausalLM(config).eval()
    ours = counterpart(theirs)
    for batch in scale.batches:
        pixels = images(scale._replace(image_size=224), batch, 6)
        start = torch.full((batch, 1), config.bos_token_id)
        yield from captions(
            'git 6 frames',
            scale._replace(beams=scale.beams[:1]),
            ours,
            pixels,
            lambda start=start, pixels=pixels, **settings: theirs.generate(start, pixel_values=pixels, **settings),
        )


def clip_towers(scale: Scale) -> Iterator[Pair]:
    import torch
    from transformers import CLIPConfig, CLIPModel

    from ...structures import Tokens

    sizes = dict(num_hidden_layers=scale.depth)
    theirs = CLIPModel(CLIPConfig(text_config=sizes, vision_config=dict(patch_size=16, **sizes))).eval()
    ours = counterpart(theirs)
    network, task = ours.network, ours.tasks['retrieval']
    for batch in scale.batches:
        pixels = images(scale._replace(image_size=224), batch)
        ids = torch.randint(1000, 40000, (batch, 77))
        ids[:, -1] = theirs.config.text_config.eos_token_id
        tokens = Tokens(ids, torch.ones_like(ids, dtype=torch.bool))
        yield Pair(
            'clip images',
            batch,
            1,
            lambda pixels=pixels: nearest(task.embed_vision(network.encode_vision(pixels))),
            lambda pixels=pixels: nearest(theirs.get_image_features(pixel_values=pixels[:, 0])),
        )
        yield Pair(
            'clip texts',
            batch,
            1,
            lambda tokens=tokens: nearest(task.embed_text(network.encode_text(tokens))),
            lambda ids=ids: nearest(theirs.get_text_features(input_ids=ids)),
        )


def nearest(embeddings: Any) -> list[int]:
    """The largest channel of each embedding."""
    return getattr(embeddings, 'pooler_output', embeddings).float().argmax(-1).tolist()


def blip2_captions(scale: Scale) -> Iterator[Pair]:
    """ViT-B, a Q-Former of BERT's size, and a language model of OPT 125M's: the published ones do not fit everywhere."""
    from transformers import Blip2Config, Blip2ForConditionalGeneration

    sizes = dict(num_hidden_layers=scale.depth)
    base = dict(hidden_size=768, num_attention_heads=12, intermediate_size=3072)
    language = dict(model_type='opt', ffn_dim=3072, hidden_size=768, num_attention_heads=12, word_embed_proj_dim=768, **sizes)
    config = Blip2Config(
        vision_config=dict(patch_size=16, image_size=224, initializer_range=0.02, **base, **sizes),
        qformer_config=sizes,
        text_config=language,
        image_token_index=50000,
    )
    theirs = Blip2ForConditionalGeneration(config).eval()
    theirs.query_tokens.data.normal_()
    ours = counterpart(theirs)
    for batch in scale.batches:
        pixels = images(scale._replace(image_size=224), batch)
        yield from captions(
            'blip-2 captions', scale, ours, pixels, lambda pixels=pixels, **settings: theirs.generate(pixels[:, 0], **settings)
        )


MODELS: dict[str, Callable[[Scale], Iterator[Pair]]] = {
    'blip-captions': blip_captions,
    'blip-matching': blip_matching,
    'git': git_captions,
    'clip': clip_towers,
    'blip-2': blip2_captions,
}
