"""HuggingFace BERT: parity of what it fills, and the published modules' masked language modelling."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import BertConfig, BertForMaskedLM, BertModel

from mplug2.checkpoints import BertFormat, BertWeights, CheckpointError
from mplug2.checkpoints.formats.bert import bert_layer, prediction_head
from mplug2.modules import BertTextEncoder, FusionLayers, TextDecoder, UniversalLayers
from mplug2.modules.heads import LanguageHead
from mplug2.networks import MPlug2Network, Network
from mplug2.structures import Tokens
from tests import golden

SIZES = dict(width=32, num_heads=4, ffn_dim=48)


def reference(kind: type = BertModel) -> nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=5,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=16,
    )
    model = kind(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def network(**others: nn.Module) -> Network:
    return MPlug2Network(
        text_encoder=BertTextEncoder(50, num_layers=3, max_positions=16, **SIZES),
        universal=UniversalLayers(num_layers=2, num_queries=4, **SIZES),
        **others,
    ).eval()


def question() -> Tokens:
    ids = torch.randint(1, 50, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    return Tokens(ids * mask, mask, torch.tensor([[0, 0, 0, 1, 1, 1, 1]]).expand(2, -1))


@pytest.mark.parametrize('spelling', ['plain', 'prefixed', 'gamma and beta'])
def test_text_path_equals_bert(spelling: str) -> None:
    bert, ours, text = reference(), network(), question()
    state = bert.state_dict()
    if spelling == 'prefixed':
        state = {f'bert.{key}': value for key, value in state.items()}
    elif spelling == 'gamma and beta':
        state = {
            key.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): value
            for key, value in state.items()
        }
    report = BertWeights(state)(ours)
    assert all('pooler' in key or 'position_ids' in key for key in report.left_out)
    assert {key.split('.')[0] for key in report.new} == {'universal'}  # queries, cross-attention, merge
    with torch.no_grad():
        expected = bert(text.ids, text.mask.long(), text.token_type_ids, output_hidden_states=True)
        features = ours.encode_text(text)
    assert_close(features.encoded[text.mask], expected.hidden_states[3][text.mask], rtol=1e-4, atol=1e-5)
    assert_close(features.tokens[text.mask], expected.last_hidden_state[text.mask], rtol=1e-4, atol=1e-5)


def test_there_and_back() -> None:
    state = {key: value for key, value in reference().state_dict().items() if 'pooler' not in key and 'ids' not in key}
    adapter = BertFormat(universal_layers=2)
    back = adapter.from_mplug2(adapter.to_mplug2(state))
    assert back.keys() == state.keys()
    for key, value in state.items():
        assert_close(back[key], value, rtol=0, atol=0)


def test_fusion_starts_as_the_last_layers_and_the_decoder_as_the_first_with_the_head() -> None:
    bert = reference(BertForMaskedLM)
    ours = network(fusion=FusionLayers(num_layers=2, **SIZES), decoder=TextDecoder(50, num_layers=3, max_positions=16, **SIZES))
    report = BertWeights(bert.state_dict())(ours)
    layers = bert.bert.encoder.layer
    assert_close(ours.fusion.layers[0].feed_forward.up.weight, layers[3].intermediate.dense.weight, rtol=0, atol=0)
    assert_close(ours.decoder.layers[2].feed_forward.up.weight, layers[2].intermediate.dense.weight, rtol=0, atol=0)
    assert_close(ours.decoder.head.bias, bert.cls.predictions.bias, rtol=0, atol=0)
    assert not any('predictions.decoder' in key for key in report.left_out)  # tied: made of the embedding
    assert all('cross_' in key for key in report.new if key.split('.')[0] in ('fusion', 'decoder'))


def test_of_tied_weights_a_file_may_hold_the_copy_alone() -> None:
    bert = reference(BertForMaskedLM)
    state = {key: value for key, value in bert.state_dict().items() if key != 'cls.predictions.bias'}
    assert 'cls.predictions.decoder.bias' in state
    ours = network(decoder=TextDecoder(50, num_layers=3, max_positions=16, **SIZES))
    BertWeights(state)(ours)
    assert_close(ours.decoder.head.bias, bert.cls.predictions.bias, rtol=0, atol=0)


def test_a_bert_too_shallow_for_the_decoder_fails_and_parts_leave_it_out() -> None:
    def ours() -> Network:
        return network(decoder=TextDecoder(50, num_layers=6, max_positions=16, **SIZES))

    with pytest.raises(CheckpointError, match=r'encoder\.layer\.5'):
        BertWeights(reference().state_dict())(ours())
    BertWeights(reference().state_dict(), parts=('text_encoder', 'universal'))(ours())


def masked_language(prefix: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], LanguageHead, torch.Tensor]:
    """The golden numbers, the state of one model, its head, and the word table."""
    values = golden.numbers('mlm')
    state = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    head = LanguageHead(64, 131)
    head.load_state_dict(
        {entry.ours.removeprefix('head.'): entry.read(state) for entry in prediction_head('head', 'cls.predictions')}
    )
    return values, state, head, state['bert.embeddings.word_embeddings.weight']


def assert_masked_language(values: dict[str, torch.Tensor], kind: str, logits: torch.Tensor) -> None:
    real = values['text/attention_mask'].bool()
    assert_close(logits[real], values[f'{kind}_mlm_logits'][real], **golden.TOLERANCE)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), values['labels'].flatten(), ignore_index=-100)
    assert_close(loss, values[f'{kind}_mlm_loss'], **golden.TOLERANCE)


def test_masked_language_modelling_of_text_equals_the_published() -> None:
    values, state, head, words = masked_language('text_mlm_state/')
    sizes = dict(width=64, num_heads=4, ffn_dim=136)
    ours = MPlug2Network(
        text_encoder=BertTextEncoder(131, num_layers=3, max_positions=40, **sizes),
        universal=UniversalLayers(num_layers=2, **sizes),
    )
    BertWeights(state)(ours)
    text = Tokens(values['text/input_ids'], values['text/attention_mask'].bool())
    assert_masked_language(values, 'text', head(ours.eval().encode_text(text).tokens, words))


def test_masked_language_modelling_of_fused_text_equals_the_published() -> None:
    values, state, head, words = masked_language('fusion_mlm_state/')
    fusion = FusionLayers(width=64, num_layers=2, num_heads=4, ffn_dim=136)
    entries = [entry for layer in (0, 1) for entry in bert_layer(f'layers.{layer}', f'bert.encoder.layer.{3 + layer}', True)]
    fusion.load_state_dict({entry.ours: entry.read(state) for entry in entries})
    mask = values['text/attention_mask'].bool()
    fused = fusion.eval()(values['fusion_text_embeds'], mask, values['fusion_vision_embeds'])
    assert_masked_language(values, 'fusion', head(fused, words))
