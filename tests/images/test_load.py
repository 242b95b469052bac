"""Image files to pixels, compared with the ruclip package itself."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from upath import UPath

from vitrina.errors import UserError
from vitrina.images.load import ResizeMode, load_pixels, read_image, square_image
from vitrina.model.image_input import normalize
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

SQUARE = [(64, 64), (384, 384), (1, 1)]
OBLONG = [(200, 90), (90, 200), (1000, 3), (3, 1000), (1, 7), (65, 63), (384, 512), (37, 1023)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """A tiny real ruCLIP."""
    folder: Path = tmp_path_factory.mktemp("model")
    make_tiny(["кружка"], folder)
    return load_folder(folder)


def noise(width: int, height: int) -> Image.Image:
    """An image in which every pixel matters."""
    rng = np.random.default_rng(width * 10_000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def pixels_of_the_package(model: RuCLIP, image: Image.Image) -> torch.Tensor:
    """float32 (1, 3, R, R) from RuCLIPProcessor."""
    pixels: torch.Tensor = model.processor()(images=[image])["pixel_values"]
    return pixels


def our_pixels(model: RuCLIP, image: Image.Image) -> torch.Tensor:
    """float32 (1, 3, R, R) from square_image and normalize."""
    pixels = torch.from_numpy(square_image(image, model.resolution, "shortest"))
    return normalize(pixels[None], model.mean, model.std)


@pytest.mark.parametrize("size", SQUARE + OBLONG, ids=str)
def test_pixels_are_those_of_the_package(model: RuCLIP, size: tuple[int, int]) -> None:
    """Wide, tall, square, tiny and odd images give bit for bit ruclip's pixel values."""
    image = noise(*size)
    assert torch.equal(our_pixels(model, image), pixels_of_the_package(model, image))


@pytest.mark.parametrize("size", [(100, 101), (101, 100)], ids=str)
def test_one_pixel_off_square_is_one_of_the_packages_two_answers(
    model: RuCLIP, size: tuple[int, int]
) -> None:
    """Only there ruclip's crop is random, by one pixel; ours is always the same one of the two."""
    image = noise(*size)
    ours = our_pixels(model, image)
    theirs = [pixels_of_the_package(model, image) for _ in range(40)]
    equal = [torch.equal(ours, pixels) for pixels in theirs]
    assert any(equal)
    assert not all(equal)


def test_another_mean_and_deviation_are_used(model: RuCLIP) -> None:
    """A config.json with its own mean and std has the same effect as in the package."""
    config = {**model.config, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
    other = RuCLIP(model.clip, model.tokenizer_path, config)
    image = noise(80, 70)
    assert torch.equal(our_pixels(other, image), pixels_of_the_package(other, image))
    assert not torch.equal(our_pixels(other, image), our_pixels(model, image))


def test_longest_keeps_the_whole_image_on_white() -> None:
    """A wide red image becomes a red band with white above and below it, centred."""
    pixels = square_image(Image.new("RGB", (200, 100), (255, 0, 0)), 64, "longest")
    assert pixels.shape == (3, 64, 64)
    assert pixels.dtype == np.uint8
    assert (pixels[:, :16] == 255).all()
    assert (pixels[:, 48:] == 255).all()
    assert (pixels[0, 16:48] == 255).all()
    assert (pixels[1:, 16:48] == 0).all()


def test_squash_keeps_all_four_corners() -> None:
    """An image with a colour in each corner has them in its corners after squashing."""
    image = Image.new("RGB", (300, 100))
    colours = {
        (0, 0): (255, 0, 0),
        (200, 0): (0, 255, 0),
        (0, 60): (0, 0, 255),
        (200, 60): (9, 9, 9),
    }
    for corner, colour in colours.items():
        image.paste(colour, (*corner, corner[0] + 100, corner[1] + 40))
    pixels = square_image(image, 32, "squash")
    assert pixels.shape == (3, 32, 32)
    corners = [tuple(map(int, pixels[:, y, x])) for y, x in [(0, 0), (0, -1), (-1, 0), (-1, -1)]]
    assert corners == list(colours.values())


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
def test_extreme_shapes_become_square(resize_mode: ResizeMode) -> None:
    """An image of one pixel, and one a pixel wide, come out square in every mode."""
    for size in [(1, 1), (1, 4000), (4000, 1)]:
        assert square_image(noise(*size), 16, resize_mode).shape == (3, 16, 16)


def test_an_image_is_read_from_disk_and_from_s3(place: UPath, tmp_path: Path) -> None:
    """A PNG in a folder or a bucket is read as RGB, given a path object or a string."""
    Image.new("RGB", (5, 4), (10, 20, 30)).save(tmp_path / "a.png")
    write_bytes(place / "a.png", (tmp_path / "a.png").read_bytes())
    for path in (place / "a.png", str(place / "a.png")):
        image = read_image(path)
        assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (5, 4), (10, 20, 30))


def _rotated(image: Image.Image) -> tuple[Image.Image, dict[str, object]]:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated clockwise
    return image.transpose(Image.Transpose.ROTATE_90), {"exif": exif}


def _transparent(image: Image.Image) -> tuple[Image.Image, dict[str, object]]:
    image = image.convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    return image, {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_rotated, ((200, 30, 30), (30, 30, 200))),
        (_transparent, ((255, 255, 255), (255, 255, 255))),
        (lambda image: (image.convert("CMYK"), {}), ((200, 30, 30), (30, 30, 200))),
        (lambda image: (image.convert("L"), {}), ((81, 81, 81), (49, 49, 49))),
        (lambda image: (image.quantize(8), {}), ((200, 30, 30), (30, 30, 200))),
    ],
    ids=["rotated", "transparent", "CMYK", "greyscale", "palette"],
)
def test_images_that_were_not_resized_look_as_intended(
    tmp_path: Path,
    change: Callable[[Image.Image], tuple[Image.Image, dict[str, object]]],
    expected: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    """The CSV of another tool may name any image: it is read upright, on white, in its colours."""
    image = Image.new("RGB", (80, 40), (200, 30, 30))
    image.paste((30, 30, 200), (0, 0, 40, 40))
    changed, options = change(image)
    path = tmp_path / ("a.png" if changed.mode in ("RGBA", "P") else "a.jpg")
    changed.save(path, **options)
    shown = read_image(path)
    assert (shown.mode, shown.size) == ("RGB", (80, 40))
    for x, colour in zip((70, 10), expected, strict=True):
        assert np.abs(np.subtract(shown.getpixel((x, 20)), colour)).max() <= 6


@pytest.mark.parametrize("content", [b"", b"not an image", None], ids=["empty", "text", "missing"])
def test_a_file_that_is_not_an_image_is_named(tmp_path: Path, content: bytes | None) -> None:
    """An empty file, a text and a missing file raise a UserError with the file's name."""
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.jpg"):
        read_image(path)


def test_a_truncated_image_is_refused(tmp_path: Path) -> None:
    """Half a JPEG is an error, not an image that is half grey."""
    whole = tmp_path / "whole.jpg"
    noise(64, 64).save(whole)
    half = tmp_path / "half.jpg"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UserError, match=r"half\.jpg"):
        read_image(to_path(half))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of some damage
@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "tif", "bmp"])
def test_damage_anywhere_is_refused_or_read(tmp_path: Path, suffix: str) -> None:
    """Whichever bytes of an image are damaged, the result is an RGB image or a UserError."""
    path = tmp_path / f"whole.{suffix}"
    noise(24, 16).save(path)
    whole, rng = path.read_bytes(), random.Random(suffix)
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        path.write_bytes(broken[: rng.choice([len(broken), rng.randrange(len(broken))])])
        try:
            mode = read_image(path).mode
        except UserError:
            continue
        assert mode == "RGB"


def test_pixels_are_loaded_in_one_call(tmp_path: Path) -> None:
    """load_pixels reads a file and makes it square in the given mode."""
    noise(80, 60).save(tmp_path / "a.png")
    expected = square_image(noise(80, 60), 32, "longest")
    assert np.array_equal(load_pixels(tmp_path / "a.png", 32, "longest"), expected)


def test_an_unknown_resize_mode_is_refused() -> None:
    """A mode of another version does not silently squash the image."""
    with pytest.raises(AssertionError, match="crop"):
        square_image(noise(8, 6), 4, "crop")  # type: ignore[arg-type]  # not a ResizeMode


def test_the_crop_is_not_random() -> None:
    """The same image gives the same pixels, whatever the state of the random generators."""
    image = noise(101, 100)
    first = square_image(image, 32, "shortest")
    random.seed(1)
    torch.manual_seed(1)
    assert np.array_equal(first, square_image(image, 32, "shortest"))


def test_a_damaged_image_with_all_its_pixels_is_read(tmp_path: Path) -> None:
    """Pillow refuses a file that ends early, which resize would have kept."""
    noise(80, 60).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    expected = np.asarray(read_image(tmp_path / "a.jpg"), int)
    (tmp_path / "a.jpg").write_bytes(whole[:-2])
    assert abs(np.asarray(read_image(tmp_path / "a.jpg"), int) - expected).mean() < 4


@pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero", "absent"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """A table may name anything as an image; a pipe would be waited for, a device has no end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=name):
        read_image(tmp_path / name)
