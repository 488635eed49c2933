"""torchvision's evaluation transform up to 8-bit pixels, written with Pillow alone.

  reference.py golden DIRECTORY    writes the committed images and golden.json with what Pillow makes of them
  reference.py transform           reads JSON from standard input, a list of {path, resize, crop, out}, and writes the
                                   pixels of each crop (RGB, row by row) to `out`; prints the sizes as JSON

Size and crop rules: torchvision.transforms.functional, `_compute_resized_output_size` and `center_crop`.
"""

import base64
import hashlib
import json
import math
import os
import random
import struct
import sys
import zlib

from PIL import Image, ImageOps

SMALL = (24, 16)
FULL = (256, 224)


def open_rgb(path):
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("I", "I;16"):
        # Pillow saturates 16-bit grey on conversion; take the high byte, as it does for 16-bit RGB.
        grey = Image.new("L", image.size)
        grey.putdata([value >> 8 for value in image.getdata()])
        image = grey
    return image.convert("RGB")


def transform(image, resize, crop):
    width, height = image.size
    if resize is False:  # JSON's false; a bool is an int in Python
        size = image.size
    elif isinstance(resize, int):
        long = int(resize * max(width, height) / min(width, height))
        size = (resize, long) if width <= height else (long, resize)
    else:
        size = (resize[1], resize[0])
    if size != image.size:
        image = image.resize(size, Image.BILINEAR)
    if not crop:
        return image
    crop_height, crop_width = (crop, crop) if isinstance(crop, int) else crop
    width, height = image.size
    if crop_width > width or crop_height > height:
        across, down = max(crop_width - width, 0), max(crop_height - height, 0)
        image = ImageOps.expand(image, (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2), fill=0)
        width, height = image.size
    top = int(round((height - crop_height) / 2.0))
    left = int(round((width - crop_width) / 2.0))
    return image.crop((left, top, left + crop_width, top + crop_height))


def scene(width, height, seed):
    """Waves with noise on them: smooth enough for JPEG, rough enough that every rounding shows."""
    dice = random.Random(seed)
    image = Image.new("RGB", (width, height))
    image.putdata(
        [
            tuple(
                min(255, max(0, int(127 + 120 * math.sin(x / (7 + 3 * c) + c) * math.cos(y / (5 + 2 * c)) + dice.gauss(0, 8))))
                for c in range(3)
            )
            for y in range(height)
            for x in range(width)
        ]
    )
    return image


def png16(path, width, height, seed):
    """A PNG with 16 bits per channel, which Pillow reads but does not write."""
    dice = random.Random(seed)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(
        b"\0" + b"".join(struct.pack(">H", min(65535, (x * 997 + y * 1201 * (c + 1) + dice.randrange(512)) % 65536)) for x in range(width) for c in range(3))
        for y in range(height)
    )
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def golden(directory):
    os.makedirs(directory, exist_ok=True)
    width, height = 45, 31
    base = scene(width, height, 1)
    alpha = scene(width, height, 2).convert("L")
    with_alpha = base.copy()
    with_alpha.putalpha(alpha)
    grey_alpha = base.convert("L")
    grey_alpha.putalpha(alpha)
    palette = base.convert("P", palette=Image.ADAPTIVE, colors=13)
    grey16 = Image.new("I;16", (width, height))
    grey16.putdata([(index * 131) % 65536 for index in range(width * height)])

    def path(name):
        return os.path.join(directory, name)

    def oriented(value):
        exif = Image.Exif()
        exif[0x0112] = value
        return exif

    base.save(path("rgb.png"))
    base.convert("L").save(path("grey.png"))
    base.convert("1").save(path("one-bit.png"))
    with_alpha.save(path("rgba.png"))
    grey_alpha.save(path("grey-alpha.png"))
    palette.save(path("palette-transparent.png"), transparency=5)
    grey16.save(path("grey16.png"))
    png16(path("rgb16.png"), 23, 29, 3)
    base.convert("CMYK").save(path("cmyk.tif"), compression="tiff_lzw")
    with_alpha.save(path("rgba.webp"), lossless=True)
    palette.save(path("palette.gif"))
    scene(3, 200, 4).save(path("thin.png"))
    scene(1, 1, 5).save(path("pixel.png"))
    base.save(path("rgb.jpg"), quality=85)
    base.save(path("progressive.jpg"), quality=85, progressive=True)
    base.convert("L").save(path("grey.jpg"), quality=85)
    base.convert("CMYK").save(path("cmyk.jpg"), quality=85)
    for value in range(2, 9):
        base.save(path(f"exif{value}.jpg"), quality=75, exif=oriented(value))

    expected = {}
    for name in sorted(os.listdir(directory)):
        if name.endswith(".json"):
            continue
        image = open_rgb(path(name))
        expected[name] = {
            "width": image.size[0],
            "height": image.size[1],
            "lossless": not name.endswith(".jpg"),
            "sha256of224": hashlib.sha256(transform(image, *FULL).tobytes()).hexdigest(),
            "pixelsOf16": base64.b64encode(transform(image, *SMALL).tobytes()).decode(),
        }
    with open(path("golden.json"), "w") as file:
        json.dump(expected, file, indent=2)
        file.write("\n")


def serve():
    sizes = []
    for job in json.load(sys.stdin):
        image = transform(open_rgb(job["path"]), job["resize"], job["crop"])
        with open(job["out"], "wb") as file:
            file.write(image.tobytes())
        sizes.append(list(image.size))
    json.dump(sizes, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden(sys.argv[2])
    else:
        serve()
