"""Text encoders against transformers."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import BertConfig, BertModel, DebertaV2Config, DebertaV2Model

from mplug2.checkpoints.formats.bert import bert_embedding, bert_layer
from mplug2.modules import BertTextEncoder, HuggingFaceTextEncoder
from mplug2.structures import Tokens
from tests.modules.helpers import VOCAB, carry_over, randomize, some_text

TOLERANCE = dict(rtol=1e-4, atol=1e-5)
DEBERTA = dict(
    model_type='deberta-v2',
    vocab_size=VOCAB,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    relative_attention=True,
    pos_att_type=['p2c', 'c2p'],
    position_buckets=8,
    norm_rel_ebd='layer_norm',
    share_att_key=True,
    position_biased_input=False,
    type_vocab_size=0,
    max_position_embeddings=40,
)


@pytest.mark.parametrize('pairs', [False, True])
def test_the_text_encoder_is_bert(pairs: bool) -> None:
    config = BertConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
    )
    theirs = randomize(BertModel(config, add_pooling_layer=False)).eval()
    ours = BertTextEncoder(VOCAB, 32, num_layers=3, num_heads=4, ffn_dim=48, max_positions=40).eval()
    entries = [*bert_embedding('text_encoder.embedding', 'embeddings')]
    for layer in range(3):
        entries += bert_layer(f'text_encoder.layers.{layer}', f'encoder.layer.{layer}', cross=False)
    carry_over(ours, 'text_encoder', entries, theirs.state_dict())
    text = some_text(4, 9)
    if pairs:
        text = text._replace(token_type_ids=(torch.arange(9) > 4).long().expand(4, -1))
    expected = theirs(text.ids, text.mask.long(), text.token_type_ids).last_hidden_state
    assert_close(ours(text)[text.mask], expected[text.mask], **TOLERANCE)


def test_padding_does_not_reach_real_tokens() -> None:
    encoder = randomize(BertTextEncoder(VOCAB, 32, num_layers=2, num_heads=4, ffn_dim=48, max_positions=40)).eval()
    text = some_text(3, 8)
    longer = Tokens(torch.nn.functional.pad(text.ids, (0, 5), value=7), torch.nn.functional.pad(text.mask, (0, 5)))
    assert_close(encoder(longer)[:, :8][text.mask], encoder(text)[text.mask], **TOLERANCE)


def test_deberta_from_a_config() -> None:
    encoder = HuggingFaceTextEncoder(DEBERTA).eval()
    assert (encoder.width, encoder.vocab_size) == (32, VOCAB)
    assert encoder.word_table.shape == (VOCAB, 32)
    text = some_text(3, 9)
    theirs = DebertaV2Model(DebertaV2Config(**{k: v for k, v in DEBERTA.items() if k != 'model_type'})).eval()
    theirs.load_state_dict(encoder.model.state_dict())
    expected = theirs(input_ids=text.ids, attention_mask=text.mask.long()).last_hidden_state
    assert_close(encoder(text), expected)
    # segment ids are passed on only to encoders that have a table of them
    assert_close(encoder(text._replace(token_type_ids=torch.ones_like(text.ids))), expected)


def test_weights_come_from_a_local_folder(tmp_path) -> None:
    saved = BertModel(
        BertConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48)
    ).eval()
    saved.save_pretrained(tmp_path)
    encoder = HuggingFaceTextEncoder(str(tmp_path)).eval()
    text = some_text(2, 6)._replace(token_type_ids=torch.ones(2, 6, dtype=torch.long))
    expected = saved(text.ids, text.mask.long(), text.token_type_ids).last_hidden_state
    assert not torch.allclose(encoder(text), expected)
    encoder.init_weights()
    assert_close(encoder(text), expected)
    assert all(not name.startswith('model.pooler') for name, _ in encoder.named_parameters())  # nothing would read it


def test_a_config_without_its_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="the config needs a 'model_type'"):
        HuggingFaceTextEncoder(dict(hidden_size=32))


def test_sizes_can_be_read_without_storage() -> None:
    """A model reads its modules' sizes from a skeleton on the meta device before it builds them."""
    with torch.device('meta'):
        encoder = HuggingFaceTextEncoder(DEBERTA)
    assert all(parameter.is_meta for parameter in encoder.parameters())
    assert (encoder.width, encoder.vocab_size) == (32, VOCAB)
