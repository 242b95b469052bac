"""Resizing one image: the result looks like the original, or the reason for rejection is right."""

import contextlib
import io
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from tests.support.image_kinds import KINDS, encoded, sample, scene
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.images import ResizeConfig
from vitrina.images import resize_image as resize_module
from vitrina.images.rejected import RejectedImageError
from vitrina.images.resize_image import resize_image

CONFIG = ResizeConfig()
SMALL = ResizeConfig(default_image_size=(96, 96))


def shrunk(data: bytes, config: ResizeConfig = SMALL) -> Image.Image:
    """The resized image, decoded; an RGB JPEG."""
    image = Image.open(io.BytesIO(resize_image(data, config)))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return image


def difference(image: Image.Image, reference: Image.Image) -> float:
    """Mean absolute difference in grey levels, the reference brought to the image's size."""
    reference = reference.convert("RGB").resize(image.size, Image.Resampling.LANCZOS)
    return float(np.abs(np.asarray(image, float) - np.asarray(reference, float)).mean())


def similarity(image: Image.Image, reference: Image.Image) -> float:
    """Mean SSIM (Wang et al. 2004) of the grey levels in blocks of 8 × 8."""
    reference = reference.resize(image.size, Image.Resampling.LANCZOS)
    high, wide = image.height // 8, image.width // 8
    a, b = (
        np.asarray(image.convert("L"), float)[: 8 * high, : 8 * wide]
        .reshape(high, 8, wide, 8)
        .swapaxes(1, 2)
        .reshape(-1, 64)
        for image in (image, reference)
    )
    mean_a, mean_b = a.mean(1), b.mean(1)
    covariance = ((a - mean_a[:, None]) * (b - mean_b[:, None])).mean(1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float((light * (2 * covariance + c2) / (a.var(1) + b.var(1) + c2)).mean())


def reason(data: bytes, config: ResizeConfig = CONFIG) -> str:
    """Why the image is rejected."""
    with pytest.raises(RejectedImageError) as caught:
        resize_image(data, config)
    assert isinstance(caught.value.reason, RejectionReason)
    return caught.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_any_kind_looks_like_the_original(kind: str) -> None:
    """Colours, brightness and transparency are kept; nothing is black, inverted or clipped."""
    data, reference = sample(kind)
    image = shrunk(data)
    assert image.size == (96, 64)
    assert difference(image, reference) < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    """An image is upright however the camera was held, and fits the box when it is upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(scene(), kind, exif=exif)
    box = ResizeConfig(default_image_size=(120, 60))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    image = shrunk(data, box)
    assert image.size == ((90, 60) if orientation < 5 else (40, 60))
    assert difference(image, upright) < 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_does_not_reject_the_image() -> None:
    """Metadata that cannot be read are ignored."""
    broken = encoded(scene(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert difference(shrunk(broken), scene()) < 4


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    """With a profile that swaps sRGB's red and green, the colours are swapped."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    swapped = swapped.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    red, green, blue = scene().split()
    image = shrunk(encoded(scene(), icc_profile=swapped))
    assert difference(image, Image.merge("RGB", (green, red, blue))) < 5


@pytest.mark.parametrize("profile", ["damaged", "of another colour space", "sRGB"])
def test_a_profile_that_does_not_apply_is_ignored(profile: str) -> None:
    """A damaged profile, one of another colour space, and sRGB itself change nothing."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = {"damaged": b"no profile at all", "of another colour space": lab, "sRGB": srgb}
    assert difference(shrunk(encoded(scene(), icc_profile=content[profile])), scene()) < 4


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((900, 1200), (384, 384), (288, 384)),
        ((1200, 900), (384, 384), (384, 288)),
        ((900, 1200), (224, 384), (224, 299)),
        ((100, 50), (384, 384), (100, 50)),
        ((384, 384), (384, 384), (384, 384)),
        ((1, 1), (384, 384), (1, 1)),
        ((2000, 1), (384, 384), (384, 1)),
        ((3, 4000), (384, 384), (1, 384)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_image_fits_within_the_box(
    size: tuple[int, int], box: tuple[int, int], expected: tuple[int, int], kind: str
) -> None:
    """The aspect ratio is kept, nothing is enlarged, and no side becomes 0."""
    data = encoded(scene().resize(size), kind)
    assert shrunk(data, ResizeConfig(default_image_size=box)).size == expected


@pytest.mark.parametrize("size", [(900, 1200), (1000, 700), (1536, 2048), (640, 640)])
@pytest.mark.parametrize("box", [(384, 384), (224, 224)])
def test_scaled_decoding_is_as_good_as_a_full_one(
    size: tuple[int, int], box: tuple[int, int]
) -> None:
    """SSIM above 0.98 to a full decode with Lanczos, on texture of all sizes."""
    image = np.asarray(scene(size), float)
    for fineness in (2, 4, 8, 16, 32):
        noise = np.random.default_rng(0).normal(0, 4 * fineness**0.5, size[::-1])
        small = noise[: size[1] // fineness, : size[0] // fineness].astype(np.float32)
        image += np.asarray(Image.fromarray(small).resize(size))[..., None]
    data = encoded(Image.fromarray(image.clip(0, 255).astype(np.uint8)), quality=92)
    image = shrunk(data, ResizeConfig(default_image_size=box))
    assert similarity(image, Image.open(io.BytesIO(data))) > 0.98


def test_48_megapixels_are_resized() -> None:
    """A JPEG of 8,000 × 6,000 pixels is not taken for a decompression bomb."""
    data = simplejpeg.encode_jpeg(np.asarray(scene((400, 300)).resize((8000, 6000))), 80)
    assert difference(shrunk(data, CONFIG), scene((384, 288))) < 4


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header declares many pixels, without any data."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [header, data, b"IEND"]
    framed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize("size", [(10_001, 10_000), (12_000, 12_000), (60_000, 60_000)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_rejected_by_its_header(size: tuple[int, int]) -> None:
    """More pixels than max_pixels are never decoded, however few bytes the file has."""
    tracemalloc.start()
    assert reason(png_header(*size)) == "too_large_image"
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_the_limit_of_pixels_is_max_pixels() -> None:
    """An image of exactly max_pixels is resized, one with a pixel more is rejected."""
    data = encoded(scene((100, 100)))
    assert reason(data, ResizeConfig(max_pixels=9_999)) == "too_large_image"
    assert shrunk(data, ResizeConfig(max_pixels=10_000)).size == (100, 100)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty_image"),
        (b"<html>404 Not Found</html>", "unreadable_image"),
        (bytes(2_000), "unreadable_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unreadable_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable_image"),
        (b"\xff\xd8\xff", "truncated_image"),
    ],
)
def test_a_file_that_is_not_an_image_is_rejected(data: bytes, expected: str) -> None:
    """No bytes, an error page, zeros, and formats that run programs or scripts."""
    assert reason(data) == expected


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "Adobe CMYK JPEG", "PNG", "WebP"])
def test_a_truncated_image_is_rejected(kind: str, part: float) -> None:
    """However much of it is there, the rest is not filled with grey."""
    data, _ = sample(kind)
    assert reason(data[: int(part * len(data))]) == "truncated_image"


@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "Adobe CMYK JPEG"])
def test_a_truncated_jpeg_with_an_end_marker_is_rejected(kind: str) -> None:
    """Such as a broken download; Pillow takes it for a whole image."""
    data, _ = sample(kind)
    assert reason(data[: len(data) * 2 // 5] + b"\xff\xd9") == "truncated_image"
    zeros = data[: len(data) // 2] + bytes(len(data) // 2 - 2) + b"\xff\xd9"
    assert reason(zeros) == "truncated_image"


def test_bytes_after_the_image_are_ignored() -> None:
    """Phones and editors append data to JPEGs."""
    assert difference(shrunk(encoded(scene()) + b"appended" * 99), scene()) < 4


@given(
    kind=st.sampled_from(["JPEG", "progressive JPEG", "PNG", "palette", "animated GIF", "WebP"]),
    position=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=40),
)
@settings(max_examples=100, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_damage_never_crashes(kind: str, position: float, junk: bytes) -> None:
    """Whatever bytes are overwritten: an image or a RejectedImageError, no other error."""
    data, _ = sample(kind)
    start = int(position * len(data))
    damaged = data[:start] + junk + data[start + len(junk) :]
    with contextlib.suppress(RejectedImageError):
        shrunk(damaged)


@pytest.mark.parametrize("channels", [3, 4])
def test_without_torch_pillow_resizes(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an exported model searches; within one grey level of the usual."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, channels), dtype=np.uint8)
    pixels = pixels.repeat(4, axis=0).repeat(4, axis=1)
    usual = resize_module._resize(pixels, (100, 120))
    monkeypatch.setitem(sys.modules, "torch", None)
    without = resize_module._resize(pixels, (100, 120))
    assert without.shape == usual.shape == (120, 100, channels)
    assert np.abs(without.astype(int) - usual).max() <= 1
