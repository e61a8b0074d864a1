"""The decoder against transformers' `BertLMHeadModel` with cross-attention: logits, gradients, greedy and beam ids."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import BertConfig, BertLMHeadModel

from mplug2.checkpoints.formats.bert import bert_embedding, bert_layer, prediction_head
from mplug2.modules import Generation, Memory, TextDecoder, generate
from tests.modules.helpers import VOCAB, carry_over, randomize

START, END = 1, 2
TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def both() -> tuple[TextDecoder, BertLMHeadModel]:
    """Our decoder and theirs with the same random weights; the end comes after a few words."""
    config = BertConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
        is_decoder=True,
        add_cross_attention=True,
        bos_token_id=START,
        eos_token_id=END,
        pad_token_id=0,
    )
    theirs = randomize(BertLMHeadModel(config), std=0.3).eval()
    with torch.no_grad():
        theirs.cls.predictions.bias[END] = 4.0
    ours = TextDecoder(VOCAB, 32, num_layers=2, num_heads=4, ffn_dim=48, max_positions=40, dropout=0.0).eval()
    entries = [*bert_embedding('decoder.embedding', 'bert.embeddings')]
    for layer in range(2):
        entries += bert_layer(f'decoder.layers.{layer}', f'bert.encoder.layer.{layer}', cross=True)
    entries += prediction_head('decoder.head', 'cls.predictions')
    carry_over(ours, 'decoder', entries, theirs.state_dict())
    return ours, theirs


def memory_of(batch: int, masked: bool) -> Memory:
    tokens = torch.randn(batch, 11, 32, generator=torch.Generator().manual_seed(3)) * 2
    mask = torch.ones(batch, 11, dtype=torch.bool)
    mask[1::2, -4:] = False
    return Memory(tokens, mask if masked else None)


@pytest.mark.parametrize('masked', [False, True])
def test_logits_and_gradients_are_those_of_bert(masked: bool) -> None:
    ours, theirs = both()
    memory = memory_of(3, masked)
    ids = torch.randint(3, VOCAB, (3, 7), generator=torch.Generator().manual_seed(1))
    logits = ours(ids, memory)
    mask = None if memory.mask is None else memory.mask.long()
    expected = theirs(ids, encoder_hidden_states=memory.tokens, encoder_attention_mask=mask).logits
    assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    for model, out in ((ours, logits), (theirs, expected)):
        model.zero_grad()
        out.log_softmax(-1)[..., 5].sum().backward()
    pairs = [
        (ours.embedding.word, theirs.bert.embeddings.word_embeddings),
        (ours.layers[0].cross_attention.query, theirs.bert.encoder.layer[0].crossattention.self.query),
        (ours.layers[1].feed_forward.up, theirs.bert.encoder.layer[1].intermediate.dense),
    ]
    for mine, other in pairs:
        expected_grad = other.weight.grad.clone()
        if mine is ours.embedding.word:  # our padding word gets no gradient from the embedding, theirs neither
            assert mine.weight.grad.shape == expected_grad.shape
        assert_close(mine.weight.grad, expected_grad, rtol=1e-3, atol=1e-4)


def their_texts(theirs: BertLMHeadModel, memory: Memory, **how) -> list[list[int]]:
    mask = torch.ones(memory.tokens.shape[:2]) if memory.mask is None else memory.mask
    start = torch.full((len(memory.tokens), 1), START)
    ids = theirs.generate(
        start,
        attention_mask=torch.ones_like(start),
        encoder_hidden_states=memory.tokens,
        encoder_attention_mask=mask.long(),
        do_sample=False,
        use_cache=False,  # their cache takes the memory's keys for the text's here
        **how,
    )
    texts = []
    for row in ids.tolist():
        end = row.index(END, 1) + 1 if END in row[1:] else len(row)
        texts.append(row[:end])
    return texts


@pytest.mark.parametrize('minimum', [0, 3])
def test_greedy_ids_are_those_of_transformers(minimum: int) -> None:
    ours, theirs = both()
    memory = memory_of(12, masked=True)
    expected = their_texts(theirs, memory, max_new_tokens=9, min_new_tokens=minimum)
    found = generate(ours, memory, Generation(1, minimum, 9), START, END)
    assert [best.ids for (best,) in found] == expected
    assert len({len(text) for text in expected}) > 2  # they ended at different steps


@pytest.mark.parametrize('beams', [2, 4])
@pytest.mark.parametrize('penalty', [0.0, 1.0, 2.0])
@pytest.mark.parametrize('minimum', [0, 3])
def test_beam_ids_are_those_of_transformers(beams: int, penalty: float, minimum: int) -> None:
    ours, theirs = both()
    memory = memory_of(12, masked=True)
    how = dict(num_beams=beams, length_penalty=penalty)
    expected = their_texts(
        theirs, memory, max_new_tokens=9, min_new_tokens=minimum, num_return_sequences=beams, early_stopping=False, **how
    )
    found = generate(
        ours, memory, Generation(min_length=minimum, max_length=9, num_return=beams, finish='standard', **how), START, END
    )
    assert [hypothesis.ids for sample in found for hypothesis in sample] == expected


def test_a_forced_prefix_continues_as_if_it_had_been_generated() -> None:
    ours, _ = both()
    memory = memory_of(3, masked=True)
    ids = torch.randint(3, VOCAB, (3, 6), generator=torch.Generator().manual_seed(1))
    whole = ours(ids, memory)
    logits, state = ours.prefill(ids[:, :4], memory)
    assert_close(logits, whole[:, 3], **TOLERANCE)
    for place in (4, 5):
        logits, state = ours.step(ids[:, place], state)
        assert_close(logits, whole[:, place], **TOLERANCE)
    assert state.length == 6


def test_logits_stay_in_full_precision_under_autocast() -> None:
    ours, _ = both()
    ids, memory = torch.full((2, 3), 7), memory_of(2, masked=False)
    with torch.autocast('cpu', torch.bfloat16):
        logits = ours(ids, memory)
        step = ours.step(ids[:, 0], ours.prefill(ids[:, :1], memory)[1])[0]
    assert logits.dtype == step.dtype == torch.float32
    assert_close(logits, ours(ids, memory), rtol=0.1, atol=0.3)
    assert (logits != logits.bfloat16().float()).any()


@pytest.mark.parametrize('masked', [False, True])
def test_any_number_of_targets_share_the_memory_of_a_sample(masked: bool) -> None:
    ours, _ = both()
    memory, sample = memory_of(3, masked), torch.tensor([0, 1, 1, 1, 2])
    memory.tokens.requires_grad_()
    ids = torch.randint(3, VOCAB, (5, 7), generator=torch.Generator().manual_seed(1))
    shared, tiled = ours(ids, memory, sample), ours(ids, memory.select(sample))
    assert_close(shared, tiled, **TOLERANCE)
    ours.layers[0].recompute = True
    found, expected = (
        torch.autograd.grad(logits.square().sum(), memory.tokens)[0] for logits in (ours(ids, memory, sample), tiled)
    )
    assert_close(found, expected, rtol=1e-4, atol=1e-4)
