"""ruCLIP folders, checkpoints, the model called tiny, and the stage that finds any of them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
import youtokentome
from upath import UPath

from tasks.base_model import prepare_checkpoint, prepare_model
from vitrina.errors import UserError
from vitrina.model.bpe import learn
from vitrina.model.folder import FILES, folder_fingerprint
from vitrina.model.model import RuCLIP, build, load_checkpoint, load_folder, ruclip, save_folder
from vitrina.model.source import (
    find_model,
    listing_texts,
    local_checkpoint,
    local_model,
    open_checkpoint,
)
from vitrina.model.tiny import TINY, make_tiny
from vitrina.store.artifacts import Store
from vitrina.store.files import atomic_write, copy
from vitrina.store.paths import to_path

WORDS = [(c, t) for c in ("красная", "синяя", "белая") for t in ("кружка", "ваза", "лампа")]
TITLES = ["Красная кружка в полоску", "Синий чайник", "Жёлтое ведро", "Белая ваза"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real, tiny ruCLIP folder; tests leave it as it is."""
    path: Path = tmp_path_factory.mktemp("tiny")
    make_tiny(TITLES, path)
    return path


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be broken."""
    return Path(shutil.copytree(folder, tmp_path / "damaged"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether two models have the same tensors under the same names."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


# --- folders ---------------------------------------------------------------------------------


def test_a_folder_of_ours_opens_with_the_package(folder: Path, tmp_path: Path) -> None:
    """What save_folder writes, ruclip's own from_pretrained reads: same weights, same answers."""
    model = load_folder(folder)
    save_folder(model, tmp_path / "saved")
    theirs = ruclip.CLIP.from_pretrained(str(tmp_path / "saved")).eval()
    processor = ruclip.RuCLIPProcessor.from_pretrained(str(tmp_path / "saved"))
    assert same_weights(theirs, model.clip)
    inputs = processor(text=TITLES)
    assert inputs["input_ids"].tolist() == model.processor()(text=TITLES)["input_ids"].tolist()
    with torch.no_grad():
        pixels = torch.rand(2, 3, model.resolution, model.resolution)
        expected, found = (
            theirs(inputs["input_ids"], pixels),
            model.clip(inputs["input_ids"], pixels),
        )
    assert torch.equal(expected[0], found[0])


def test_a_folder_of_the_package_opens_with_ours(tmp_path: Path, folder: Path) -> None:
    """Weights saved by hand from a ruclip.CLIP load, in float32 and evaluation mode."""
    config = {**load_folder(folder).config, "mean": [0.5, 0.5, 0.5]}
    clip = ruclip.CLIP(**{name: config[name] for name in TINY})
    (tmp_path / "config.json").write_text(json.dumps(config))
    shutil.copyfile(folder / "bpe.model", tmp_path / "bpe.model")
    torch.save(clip.state_dict(), tmp_path / "pytorch_model.bin")
    model = load_folder(tmp_path)
    assert same_weights(model.clip, clip)
    assert not model.clip.training
    assert all(parameter.requires_grad for parameter in model.clip.parameters())
    assert (model.resolution, model.context_length, model.embed_dim) == (48, 77, 64)
    assert (model.mean, model.resize_mode) == ((0.5, 0.5, 0.5), "shortest")


def test_half_precision_weights_become_float32(damaged: Path) -> None:
    """A folder saved in float16 computes in float32."""
    path = damaged / "pytorch_model.bin"
    halved = {name: tensor.half() for name, tensor in torch.load(path).items()}
    torch.save(halved, path)
    assert {tensor.dtype for tensor in load_folder(damaged).clip.state_dict().values()} == {
        torch.float32
    }


def test_other_weights_and_unknown_settings_are_saved(folder: Path, tmp_path: Path) -> None:
    """A state dict given beside the model is what is saved, and config.json keeps every key."""
    model = load_folder(folder)
    changed = RuCLIP(
        model.clip, model.tokenizer_path, {**model.config, "resize_mode": "longest", "note": "й"}
    )
    state = {name: tensor + 1 for name, tensor in model.clip.state_dict().items()}
    save_folder(changed, tmp_path / "saved", state)
    again = load_folder(tmp_path / "saved")
    assert again.config == changed.config
    assert again.resize_mode == "longest"
    assert torch.equal(again.clip.logit_scale, model.clip.logit_scale + 1)


def test_loading_leaves_the_random_generator_alone(folder: Path) -> None:
    """What is drawn after loading does not depend on what was loaded."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_folder(folder)
    assert torch.equal(torch.rand(3), expected)


def test_a_model_survives_a_save_onto_itself(damaged: Path) -> None:
    """Saving into the folder that a model was loaded from keeps it whole."""
    before = contents(damaged)
    save_folder(load_folder(damaged), damaged)
    assert contents(damaged) == before


def test_the_fingerprint_is_of_the_content(place: UPath, folder: Path) -> None:
    """Equal files have one fingerprint wherever in a place they lie; a changed one another."""
    for name in FILES:
        copy(UPath(folder / name), place / "a" / name)
        copy(UPath(folder / name), place / "b" / name)
    first = folder_fingerprint(place / "a")
    assert folder_fingerprint(place / "b") == first
    config = (place / "b" / "config.json").read_text()
    (place / "b" / "config.json").write_text(config.replace("64", "65"))
    assert folder_fingerprint(place / "b") != first


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def _config(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def _weights(content: object) -> Callable[[Path], object]:
    return lambda folder: torch.save(content, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without("config.json"), r"config\.json is missing"),
        (_without("bpe.model"), r"bpe\.model is missing"),
        (_without("pytorch_model.bin"), r"pytorch_model\.bin is missing"),
        (_with("config.json", b"{broken"), "is not JSON"),
        (_with("config.json", b"[]"), "expected a JSON object"),
        (_with("config.json", b'{"model_type": "bert"}'), "'embed_dim', found nothing"),
        (_config(vision_layers="12"), "'vision_layers', found '12'"),
        (_config(mean=[0.5]), "'mean' must be three numbers"),
        (_config(resize_mode="stretch"), "'fit' must be one of crop, pad, squash"),
        (_config(embed_dim=32), "text_projection is 128×64, expected 128×32, 1 more"),
        (_config(vision_layers=5), r"resblocks\.4\.\S+ is missing.*\n.*vision 4 × 64"),
        (_cut("bpe.model"), r"bpe\.model is damaged"),
        (_with("bpe.model", b"\x00\xff"), "no youtokentome BPE"),
        (_with("bpe.model", b""), "no youtokentome BPE"),
        (_with("bpe.model", b"0 9000\n" + b"1 2 3\n" * 9000 + b"1 0 2 3"), "9004 tokens"),
        (_with("pytorch_model.bin", b"weights"), r"pytorch_model\.bin"),
        (_with("pytorch_model.bin", b""), r"pytorch_model\.bin"),
        (_cut("pytorch_model.bin"), "cut short"),
        (_weights({"encoder.weight": torch.zeros(2)}), "holds no ruCLIP"),
        (_weights([1, 2]), "holds no weights"),
        (_weights({}), "holds no weights"),
    ],
)
def test_what_does_not_load_is_explained(
    damaged: Path, damage: Callable[[Path], object], said: str
) -> None:
    """Each way a folder can be wrong is a UserError that names it, in at most two lines."""
    damage(damaged)
    with pytest.raises(UserError, match=said) as raised:
        load_folder(damaged)
    assert str(damaged) in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def test_code_in_a_weights_file_is_not_run(damaged: Path) -> None:
    """A pickle that would run a command on loading is refused."""

    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (damaged / "owned",))

    torch.save({"visual.proj": Attack()}, damaged / "pytorch_model.bin")
    with pytest.raises(UserError, match="run code"):
        load_folder(damaged)
    assert not (damaged / "owned").exists()


# --- checkpoints -----------------------------------------------------------------------------


def test_our_checkpoint_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    """A .pth with its config, and its tokenizer beside it, is a whole model."""
    model = load_folder(folder)
    shutil.copyfile(folder / "bpe.model", tmp_path / "bpe.model")
    path = tmp_path / "ruCLIP_model_epoch1.pth"
    content = {"epoch": 1, "model_state_dict": model.clip.state_dict(), "config": model.config}
    torch.save(content, path)
    loaded = load_checkpoint(path, None)
    assert same_weights(loaded.clip, model.clip)
    assert loaded.config == model.config
    assert loaded.tokenizer_path == tmp_path / "bpe.model"
    (tmp_path / "bpe.model").unlink()
    with pytest.raises(UserError, match=r"bpe\.model is missing"):
        load_checkpoint(path, None)


@pytest.mark.parametrize("wrapped", [True, False], ids=["dict", "bare"])
@pytest.mark.parametrize("prefix", ["", "module."], ids=["plain", "distributed"])
def test_a_checkpoint_made_the_seeds_way_takes_the_base_models_rest(
    folder: Path, tmp_path: Path, wrapped: bool, prefix: str
) -> None:
    """A state dict, alone or under model_state_dict, from one or many GPUs, loads over the base."""
    base = load_folder(folder)
    tuned = build(base.config)
    state = {prefix + name: tensor for name, tensor in tuned.state_dict().items()}
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=1e-6)
    seeds = {"epoch": 1, "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}
    path = tmp_path / "ruCLIP_model_epoch1.pth"
    torch.save(seeds if wrapped else state, path)
    loaded = load_checkpoint(path, base)
    assert same_weights(loaded.clip, tuned)
    assert loaded.tokenizer_path == base.tokenizer_path
    with pytest.raises(UserError, match="does not say its architecture"):
        load_checkpoint(path, None)


def test_a_checkpoint_of_another_architecture_is_refused(folder: Path, tmp_path: Path) -> None:
    """The error names both models, a tensor, and both architectures."""
    base = load_folder(folder)
    other = build({**base.config, "vision_layers": 3, "embed_dim": 32})
    torch.save({"model_state_dict": other.state_dict()}, tmp_path / "other.pth")
    with pytest.raises(UserError) as raised:
        load_checkpoint(tmp_path / "other.pth", base)
    message = str(raised.value)
    for part in ("other.pth", str(folder), "128×64", "128×32", "vision 3 ×", "vision 4 ×"):
        assert part in message
    assert len(message.splitlines()) == 2


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    """A wrong path is a UserError."""
    with pytest.raises(UserError, match=r"nowhere\.pth does not exist"):
        load_checkpoint(tmp_path / "nowhere.pth", None)


# --- tiny ------------------------------------------------------------------------------------


def test_tiny_is_the_same_for_the_same_texts(folder: Path, tmp_path: Path) -> None:
    """Equal texts and seed give equal bytes, and the global random generator is left alone."""
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    make_tiny(TITLES, tmp_path / "again")
    assert torch.equal(torch.rand(3), expected)
    assert contents(tmp_path / "again") == contents(folder)
    make_tiny(TITLES, tmp_path / "other", seed=1)
    assert (
        contents(tmp_path / "other")["pytorch_model.bin"] != contents(folder)["pytorch_model.bin"]
    )


@pytest.mark.parametrize(
    "words",
    [["а"], ["", "x", " "], ["кружка"] * 500, [chr(0x4E00 + i) for i in range(3000)], ["😀\nб\tв"]],
    ids=["letter", "blanks", "one word", "many characters", "newlines"],
)
def test_tiny_can_be_made_of_any_text(words: list[str], tmp_path: Path) -> None:
    """From one letter to thousands of characters, the model's vocabulary is its tokenizer's."""
    make_tiny(words, tmp_path)
    model = load_folder(tmp_path)
    assert model.config["vocab_size"] == model.tokenizer.bpe.vocab_size()
    ids = model.processor()(text=[word for word in words[:3] if word.strip()])["input_ids"]
    assert not (ids == 1).any(), "its own texts hold no unknown token"


def test_a_seeds_way_checkpoint_of_tiny_wants_a_folder(folder: Path, tmp_path: Path) -> None:
    """tiny names no one model, so a bare state dict cannot be opened over it, but over a folder."""
    state = load_folder(folder).clip.state_dict()
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="made anew for each table"):
        open_checkpoint(str(tmp_path / "a.pth"), "tiny")
    assert open_checkpoint(str(tmp_path / "a.pth"), str(folder)).embed_dim == TINY["embed_dim"]


def test_tiny_of_no_text_is_refused(tmp_path: Path) -> None:
    """A catalogue of blanks is a UserError."""
    with pytest.raises(UserError, match="no text"):
        make_tiny(["", "  "], tmp_path)


def test_the_vocabulary_is_youtokentomes(tmp_path: Path) -> None:
    """Our BPE splits texts into as few pieces as youtokentome's own, and loses none of them."""
    lines = [f"{colour} {thing} {n} см".lower() for n in range(9) for colour, thing in WORDS]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(lines), encoding="utf-8")
    theirs = youtokentome.BPE.train(str(corpus), str(tmp_path / "theirs.model"), 60, n_threads=1)
    (tmp_path / "ours.model").write_text(learn(lines, 60), encoding="ascii")
    ours = youtokentome.BPE(str(tmp_path / "ours.model"))
    assert ours.vocab_size() == theirs.vocab_size() == 60
    lengths = [sum(map(len, bpe.encode(lines))) for bpe in (ours, theirs)]
    assert lengths[0] <= lengths[1] * 1.02
    assert ours.decode(ours.encode(lines)) == lines
    assert learn(reversed(lines), 60) == learn(lines, 60)


# --- the stage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ruclip-vit-base-patch32-38", "Did you mean 'ruclip-vit-base-patch32-384'"),
        ("sberbank-ai/ruclip-vit-large-patch14-224", "Did you mean 'ruclip-vit-large-patch14-224'"),
        ("tiney", "Did you mean 'tiny'"),
        ("/nowhere/at/all", "Names: .*ruclip-vit-base-patch16-384.*tiny"),
    ],
)
def test_a_wrong_name_lists_the_names_and_the_nearest(source: str, said: str, cache: Path) -> None:
    """A mistyped model is answered with what there is."""
    with pytest.raises(UserError, match=said):
        find_model(source, cache)


def test_a_folder_is_its_own_model(place: UPath, folder: Path, cache: Path) -> None:
    """A local or S3 folder is found where it is; one that lacks a file is refused by name."""
    for name in FILES[:2]:
        copy(UPath(folder / name), place / name)
    with pytest.raises(UserError, match=r"pytorch_model\.bin is missing"):
        find_model(str(place), cache)
    copy(UPath(folder / FILES[2]), place / FILES[2])
    assert str(find_model(str(place), cache)) == str(place)
    assert contents(local_model(str(place))) == contents(folder)


def test_a_published_name_is_taken_from_the_cache(folder: Path, cache: Path) -> None:
    """A model downloaded before is found without a network."""
    name = "ruclip-vit-base-patch32-384"
    shutil.copytree(folder, cache / name)
    assert find_model(name, cache) == UPath(cache / name)


def test_what_is_at_hand_is_found_without_torch(folder: Path, cache: Path) -> None:
    """tiny, a folder and a downloaded name need no import of torch, which takes seconds."""
    name = "ruclip-vit-base-patch32-384"
    shutil.copytree(folder, cache / name)
    code = (
        "import sys; from vitrina.model.source import check_model\n"
        "for source in sys.argv[1:]: check_model(source)\n"
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "tiny", str(folder), name]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_copy_from_s3_follows_its_source(bucket: str, folder: Path) -> None:
    """The cached copy is reused, is completed when cut short, and is another for other content."""
    place = to_path(f"{bucket}/model")
    for name in FILES:
        copy(UPath(folder / name), place / name)
    first = local_model(str(place))
    (first / "bpe.model").unlink()
    assert local_model(str(place)) == first
    assert contents(first) == contents(folder)
    (place / "config.json").write_text("{}")
    second = local_model(str(place))
    assert second != first
    assert (second / "config.json").read_text() == "{}"


def test_a_checkpoint_comes_with_its_tokenizer(place: UPath, folder: Path) -> None:
    """A .pth from either place is local afterwards, its bpe.model beside it if there is one."""
    (place / "ruCLIP_model_epoch1.pth").parent.mkdir(parents=True, exist_ok=True)
    (place / "ruCLIP_model_epoch1.pth").write_bytes(b"weights")
    path = local_checkpoint(str(place / "ruCLIP_model_epoch1.pth"))
    assert path.read_bytes() == b"weights"
    assert not path.with_name("bpe.model").exists()
    copy(UPath(folder / "bpe.model"), place / "bpe.model")
    path = local_checkpoint(str(place / "ruCLIP_model_epoch1.pth"))
    assert path.with_name("bpe.model").read_bytes() == (folder / "bpe.model").read_bytes()


def test_texts_are_titles_and_descriptions(tmp_path: Path) -> None:
    """A tokenizer learns from both columns; a missing description is no text."""
    table = pd.DataFrame({"title": ["а", "б"], "image_path": "x", "description": ["в", None]})
    table.to_parquet(tmp_path / "table.parquet")
    assert sorted(listing_texts(UPath(tmp_path / "table.parquet"))) == ["а", "б", "в"]


def test_tiny_becomes_an_artifact_once(tmp_path: Path, place: UPath) -> None:
    """The stage makes the model from the table's texts, finds it again, and makes another anew."""
    table = tmp_path / "table.csv"
    pd.DataFrame({"title": TITLES, "image_path": "x"}).to_csv(table, index=False)
    store = Store(root=str(place))
    made = prepare_model.fn("tiny", str(table), "abc", store)
    assert load_folder(local_model(made.folder)).resolution == TINY["image_resolution"]
    assert made.fingerprint == folder_fingerprint(UPath(local_model(made.folder)))
    table.unlink()  # so that nothing can be made from it
    assert prepare_model.fn("tiny", str(table), "abc", store).data == made
    with pytest.raises(UserError):
        prepare_model.fn("tiny", str(table), "another table", store)


def test_a_given_model_is_not_copied_into_the_store(folder: Path, tmp_path: Path) -> None:
    """The stage hands on a folder and its fingerprint; the table is not even read."""
    result = prepare_model.fn(str(folder), "no table", "abc", Store(root=str(tmp_path / "store")))
    assert result.folder == str(folder)
    assert result.fingerprint == folder_fingerprint(UPath(folder))
    assert not (tmp_path / "store").exists()


def test_a_checkpoint_becomes_a_model_folder(place: UPath, folder: Path) -> None:
    """The stage turns a .pth in either place into an artifact that loads as a ruCLIP folder."""
    base = load_folder(folder)
    tuned = build(base.config)
    content = {"model_state_dict": tuned.state_dict(), "config": base.config}
    with atomic_write(place / "run" / "ruCLIP_model_epoch1.pth") as aside:
        torch.save(content, aside)
    copy(UPath(folder / "bpe.model"), place / "run" / "bpe.model")
    path = str(place / "run" / "ruCLIP_model_epoch1.pth")
    made = prepare_checkpoint.fn(path, "no base is needed", Store(root=str(place / "store")))
    assert same_weights(load_folder(local_model(made.folder)).clip, tuned)


def test_a_base_of_another_configuration_makes_another_model(folder: Path, tmp_path: Path) -> None:
    """A checkpoint that takes its configuration from a base folder follows that folder."""
    base, store = tmp_path / "base", Store(root=str(tmp_path / "store"))
    shutil.copytree(folder, base)
    torch.save(build(load_folder(base).config).state_dict(), tmp_path / "seed.pth")
    path = str(tmp_path / "seed.pth")
    first = prepare_checkpoint.fn(path, str(base), store)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "resize_mode": "longest"}))
    second = prepare_checkpoint.fn(path, str(base), store)
    assert load_folder(local_model(second.folder)).resize_mode == "longest"
    assert first.fingerprint != second.fingerprint
