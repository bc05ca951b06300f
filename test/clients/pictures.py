"""Pictures of two classes, in the form in which notebooks write them: 32x32 RGBA PNG files as matplotlib saves them, and lists."""

import os
import random
import struct
import zlib

SIZE = 32
CLASSES = ["bicycle", "motorcycle"]


def write_data_set(folder, train, test, seed=1):
    """Fills folder/train and folder/test with that many pictures per class, and train.lst and test.lst beside them."""
    generator = random.Random(seed)
    for split, count in (("train", train), ("test", test)):
        os.makedirs(os.path.join(folder, split))
        lines = []
        for number in range(count):
            for label, name in enumerate(CLASSES):
                file_name = "%s_s_%06d.png" % (name, number)
                with open(os.path.join(folder, split, file_name), "wb") as file:
                    file.write(png(draw(label, generator)))
                lines.append("%d\t%d\t%s\n" % (2 * number + label, label, file_name))
        with open(os.path.join(folder, split + ".lst"), "w") as file:
            file.writelines(lines)


def draw(label, generator):
    """Rows of RGBA bytes: two thin rings are a bicycle, two discs with a block between them a motorcycle."""
    ground = [generator.randint(150, 230) for _ in range(3)]
    paint = [generator.randint(0, 110) for _ in range(3)]
    left, right = generator.randint(6, 10), generator.randint(21, 25)
    middle, radius = generator.randint(18, 22), generator.randint(5, 7)
    rows = []
    for y in range(SIZE):
        row = bytearray()
        for x in range(SIZE):
            distance = min((x - wheel) ** 2 + (y - middle) ** 2 for wheel in (left, right)) ** 0.5
            if label == 0:
                painted = abs(distance - radius) < 0.9 or (abs(y - middle + 4) < 1 and left < x < right)
            else:
                painted = distance < radius or (left < x < right and middle - 7 < y < middle)
            colour = paint if painted else ground
            row += bytes(min(255, max(0, value + generator.randint(-12, 12))) for value in colour) + b"\xff"
        rows.append(bytes(row))
    return rows


def png(rows):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0))
        + chunk(b"tEXt", b"Software\0Matplotlib version3.3.4, https://matplotlib.org/")
        + chunk(b"pHYs", struct.pack(">IIB", 3937, 3937, 1))
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )
