"""The model: mBART's shape and names, sentence vectors, beams that share their keys."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch
from fairseq.models import ARCH_CONFIG_REGISTRY
from fairseq.sequence_generator import SequenceGenerator
from omegaconf import OmegaConf
from references import small_criss

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._transformer import COPIES
from fairseq_xling.models.criss import CrissModel, shared_beams

# What fairseq's mbart_large sets, with the two options that mBART cc25 was trained with.
MBART = Namespace(encoder_normalize_before=True, decoder_normalize_before=True)


def test_large_is_mbart() -> None:
    ours, stock = Namespace(), Namespace(**vars(MBART))
    ARCH_CONFIG_REGISTRY["criss_large"](ours)
    ARCH_CONFIG_REGISTRY["mbart_large"](stock)
    assert vars(stock).items() <= vars(ours).items()
    assert (ours.encoder_layers, ours.encoder_embed_dim, ours.encoder_attention_heads) == (12, 1024, 16)


@pytest.mark.parametrize(("arch", "layers", "dim", "heads"), [("criss_base", 6, 512, 8), ("criss_tiny", 3, 128, 4)])
def test_smaller_shapes(arch: str, layers: int, dim: int, heads: int) -> None:
    args = Namespace()
    ARCH_CONFIG_REGISTRY[arch](args)
    for part in ("encoder", "decoder"):
        assert getattr(args, f"{part}_layers") == layers
        assert getattr(args, f"{part}_embed_dim") == dim
        assert getattr(args, f"{part}_ffn_embed_dim") == 4 * dim
        assert getattr(args, f"{part}_attention_heads") == heads
        assert getattr(args, f"{part}_normalize_before")
    assert args.layernorm_embedding
    assert args.share_all_embeddings


def test_what_is_given_stays() -> None:
    args = Namespace(encoder_layers=1, encoder_embed_dim=8, dropout=0.3)
    ARCH_CONFIG_REGISTRY["criss_tiny"](args)
    assert (args.encoder_layers, args.encoder_embed_dim, args.encoder_ffn_embed_dim) == (1, 8, 32)
    assert (args.decoder_embed_dim, args.decoder_ffn_embed_dim) == (8, 32)
    assert (args.decoder_layers, args.dropout) == (3, 0.3)


def test_same_state_dict_as_stock() -> None:
    """But for the copies of encoder weights that fairseq 0.12 carries along; checkpoints are exchanged both ways."""
    ours, stock = small_criss.model(), small_criss.stock_model()
    copied = {f"encoder.layers.{layer}.{name}" for layer in range(2) for name in COPIES}
    names = {name: value.shape for name, value in ours.state_dict().items()}
    stock_names = {name: value.shape for name, value in stock.state_dict().items() if name not in copied}
    assert names == stock_names
    assert copied == stock.state_dict().keys() - names.keys()
    stock.load_state_dict(ours.state_dict())
    again = small_criss.model(seed=2)
    again.load_state_dict(stock.state_dict())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in ours.state_dict().items())


def test_initial_weights_are_stocks_scaled_to_the_width() -> None:
    """At 1024 dimensions they are BERT's own; a matrix of d columns is scaled by sqrt(1024 / d)."""
    for dim, factor in ((16, 8.0), (1024, 1.0)):
        args = small_criss.options(encoder_embed_dim=dim, decoder_embed_dim=dim, encoder_layers=1, decoder_layers=1)
        stock = small_criss.stock_model(args).state_dict()
        for name, value in small_criss.model(args).state_dict().items():
            expected = stock[name] * factor if value.dim() > 1 else stock[name]
            torch.testing.assert_close(value, expected, msg=name)


def test_a_hydra_configuration_builds_the_same_model() -> None:
    args = small_criss.options()
    plain = small_criss.model(args).state_dict()
    symbols = small_criss.dictionary()
    torch.manual_seed(1)
    cfg = OmegaConf.create(vars(args))
    OmegaConf.set_struct(cfg, True)
    built = CrissModel.build_model(cfg, Namespace(source_dictionary=symbols, target_dictionary=symbols)).state_dict()
    assert all(torch.equal(plain[name], built[name]) for name in plain)


class TestSentenceVectors:
    @pytest.fixture
    def model(self) -> CrissModel:
        return small_criss.model()

    def test_last_layer_is_the_mean_of_the_encoders_output(self, model: CrissModel) -> None:
        (sentence,) = small_criss.sentences([4], model.encoder.dictionary)
        states = model.encoder(sentence[None])["encoder_out"][0][:, 0]
        expected = torch.stack([states[position] for position in range(5)]).mean(dim=0)  # </s> is one of the five
        torch.testing.assert_close(model.sentence_vectors(sentence[None])[0], expected)
        torch.testing.assert_close(model.sentence_vectors(sentence[None], layer=2)[0], expected)

    def test_earlier_layers(self, model: CrissModel) -> None:
        (sentence,) = small_criss.sentences([4], model.encoder.dictionary)
        embedded, _ = model.encoder.forward_embedding(sentence[None])
        torch.testing.assert_close(model.sentence_vectors(sentence[None], layer=0)[0], embedded[0].mean(dim=0))
        first = model.encoder.layers[0](embedded.transpose(0, 1), None)
        torch.testing.assert_close(model.sentence_vectors(sentence[None], layer=1)[0], first[:, 0].mean(dim=0))

    @pytest.mark.parametrize("layer", [None, 0, 1, 2])
    @pytest.mark.parametrize("left", [True, False])
    def test_padding_and_neighbours_change_nothing(self, model: CrissModel, layer: int | None, left: bool) -> None:
        symbols = model.encoder.dictionary
        rows = small_criss.sentences([1, 9, 4, 0], symbols)
        alone = torch.cat([model.sentence_vectors(row[None], layer=layer) for row in rows])
        for extra in (0, 6):
            batch = small_criss.padded(rows, symbols.pad(), left=left, extra=extra)
            torch.testing.assert_close(model.sentence_vectors(batch, layer=layer), alone, atol=1e-5, rtol=0)

    def test_half_precision_model_gives_single_precision_vectors(self, model: CrissModel) -> None:
        (sentence,) = small_criss.sentences([4], model.encoder.dictionary)
        expected = model.sentence_vectors(sentence[None])
        found = model.bfloat16().sentence_vectors(sentence[None])
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, atol=0.1, rtol=0)

    @pytest.mark.parametrize("layer", [-1, 3])
    def test_no_such_layer(self, model: CrissModel, layer: int) -> None:
        with pytest.raises(ValueError, match=f"between 0 and 2, but is {layer}"):
            model.sentence_vectors(torch.tensor([[4, 2]]), layer=layer)


class TestBeams:
    """fairseq's generator leaves its beam size in the model, where cross-attention in training would obey it."""

    def test_a_generator_leaves_nothing_behind(self) -> None:
        model = small_criss.model()
        symbols = model.encoder.dictionary
        source = small_criss.padded(small_criss.sentences([5, 3, 6, 2], symbols), symbols.pad())
        inputs = {"src_tokens": source, "src_lengths": None, "prev_output_tokens": source}
        before = model(**inputs)[0]
        SequenceGenerator([model], symbols, beam_size=2)
        assert torch.equal(model(**inputs)[0], before)

    @pytest.mark.parametrize("beam", [1, 3])
    def test_shared_keys_change_no_translation(self, beam: int) -> None:
        model = small_criss.model()
        symbols = model.encoder.dictionary
        source = small_criss.padded(small_criss.sentences([5, 3, 6, 2], symbols), symbols.pad())
        sample = {"net_input": {"src_tokens": source, "src_lengths": source.ne(symbols.pad()).sum(1)}}
        generator = SequenceGenerator([model], symbols, beam_size=beam, max_len_b=12)
        plain = generator.generate([model], sample)
        with shared_beams([model], beam):
            shared = generator.generate([model], sample)
        for expected, found in zip(plain, shared, strict=True):
            assert [h["tokens"].tolist() for h in found] == [h["tokens"].tolist() for h in expected]
            for mine, theirs in zip(found, expected, strict=True):
                torch.testing.assert_close(mine["score"], theirs["score"], atol=1e-5, rtol=0)

    def test_nothing_is_shared_after_the_block_even_when_it_fails(self) -> None:
        model = small_criss.model()
        within = set[int]()

        def fail() -> None:
            with shared_beams([model, small_criss.stock_model()], 4):
                within.update(layer.encoder_attn.beam_size for layer in model.decoder.layers)
                raise RuntimeError("inside")

        with pytest.raises(RuntimeError, match="inside"):
            fail()
        assert within == {4}
        assert {layer.encoder_attn.beam_size for layer in model.decoder.layers} == {1}
        assert "reorder_encoder_out" not in vars(model.encoder)


class TestLoading:
    def test_a_stock_checkpoint_without_versions(self) -> None:
        """Without `encoder.version` fairseq drops the final LayerNorms, which every mBART has."""
        stock = small_criss.stock_model()
        state = {name: value for name, value in stock.state_dict().items() if not name.endswith("version")}
        ours = small_criss.model(seed=9)
        ours.load_state_dict(state)
        assert ours.encoder.layer_norm is not None
        for name, value in ours.state_dict().items():
            assert torch.equal(value, stock.state_dict()[name]), name

    def test_without_output_projection(self) -> None:
        """Checkpoints of early 2020 have the embeddings alone, and the projection is the same matrix."""
        state = small_criss.stock_model().state_dict()
        del state["decoder.output_projection.weight"]
        ours = small_criss.model(seed=9)
        ours.load_state_dict(state)
        assert ours.decoder.output_projection.weight is ours.encoder.embed_tokens.weight
        assert torch.equal(ours.encoder.embed_tokens.weight, state["encoder.embed_tokens.weight"])

    def test_other_rows(self) -> None:
        state = small_criss.model(symbols=small_criss.dictionary(words=19)).state_dict()
        with pytest.raises(CheckpointError, match=r"27 rows of embeddings, but the dictionary has 28 symbols \(3 lang"):
            small_criss.model().load_state_dict(state)

    def test_pretraining_with_one_more_language(self) -> None:
        """The old rows keep their symbols, the mask stays last, the new language lies before it."""
        known = small_criss.model().state_dict()
        more = small_criss.dictionary(languages=("aa", "bb", "cc", "dd"))
        grown = small_criss.model(small_criss.options(task="multilingual_denoising"), more)
        grown.load_state_dict(dict(known))
        rows, before = grown.encoder.embed_tokens.weight, known["encoder.embed_tokens.weight"]
        assert torch.equal(rows[:-2], before[:-1])
        assert torch.equal(rows[more.index("<mask>")], before[-1])
        assert rows[more.index("[dd]")].abs().sum() > 0
        assert grown.decoder.output_projection.weight is grown.decoder.embed_tokens.weight

    def test_other_sizes(self) -> None:
        state = small_criss.model(small_criss.options(encoder_ffn_embed_dim=8)).state_dict()
        with pytest.raises(CheckpointError, match=r"encoder\.layers\.0\.fc1\.weight.*more like it.*--arch"):
            small_criss.model().load_state_dict(state)
