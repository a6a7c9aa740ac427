"""TensorBoard event files: TFRecords (length, masked CRC-32C, bytes, masked CRC-32C) of Event messages.

Read without TensorFlow: of a message only the fields that hold a scalar or a run's hyper-parameters are
looked at. Numbers of fields from tensorflow/core/util/event.proto, framework/summary.proto and tensor.proto,
and tensorboard/plugins/hparams/plugin_data.proto.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from transferlaws.errors import TransferLawsError

LONGEST_SCALAR = 1 << 16
"""Records longer than this, bytes, are pictures, graphs or histograms; passed over."""

_POLYNOMIAL = 0x82F63B78


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        rows.append(byte)
    return tuple(rows)


_CRC = _table()


def masked_crc(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of some bytes, rotated and shifted as TFRecord stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@dataclass
class Scalars:
    """What a run's event files hold: (step, value) by tag, and its hyper-parameters."""

    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def is_event_file(path: Path) -> bool:
    """Whether a file is called as TensorBoard calls its event files."""
    return "tfevents" in path.name


def read_events(paths: list[Path]) -> Scalars:
    """The scalars of a run from its event files, oldest first; a damaged tail is passed over and noted.

    A later file takes the place of steps that an earlier one logged too, as after a restart. Raises
    TransferLawsError if a file cannot be read or is none of TensorBoard's from its first byte.
    """
    found = Scalars()
    by_step: dict[str, dict[int, float]] = {}
    for path in sorted(paths, key=lambda p: p.name):
        try:
            data = path.read_bytes()
        except OSError as error:
            raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error
        read = 0
        try:
            for record in _records(data):
                read += 1
                _take(record, by_step, found.settings)
        except ValueError as error:
            if not read:
                raise TransferLawsError(f"{path} is no TensorBoard event file: {error}") from error
            found.broken.append(
                f"{path.name} is damaged after {read} records ({error}); the rest is not read"
            )
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            found.broken.append(f"{path.name}: record {read} is no event; the rest is not read")
            if read <= 1:
                raise TransferLawsError(f"{path} is no TensorBoard event file") from error
    found.curves = {tag: sorted(points.items()) for tag, points in by_step.items()}
    return found


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError("it ends in the middle of a record")
        (length,), (crc,) = struct.unpack_from("<Q", data, at), struct.unpack_from("<I", data, at + 8)
        if masked_crc(data[at : at + 8]) != crc:
            raise ValueError("the checksum of a length is wrong")
        if at + 16 + length > len(data):
            raise ValueError("it ends in the middle of a record")
        record = data[at + 12 : at + 12 + length]
        if length <= LONGEST_SCALAR:
            (crc,) = struct.unpack_from("<I", data, at + 12 + length)
            if masked_crc(record) != crc:
                raise ValueError("the checksum of a record is wrong")
            yield record
        at += 16 + length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol-buffer message: number, and an integer or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            value, at = message[at : at + width], at + width
        else:
            raise IndexError("no protocol-buffer message")
        yield key >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _take(record: bytes, curves: dict[str, dict[int, float]], settings: dict[str, object]) -> None:
    """Put the scalars of one event into the curves."""
    step, summary = 0, b""
    for number, value in _fields(record):
        if number == 2 and isinstance(value, int):
            step = value if value < 1 << 63 else value - (1 << 64)
        elif number == 5 and isinstance(value, bytes):
            summary = value
    for number, value in _fields(summary):
        if number == 1 and isinstance(value, bytes):
            parts = dict(_fields(value))
            tag = _bytes(parts.get(1)).decode("utf-8", "replace")
            if tag.startswith("_hparams_/"):
                settings.update(_hyper_parameters(_bytes(parts.get(9))))
            elif 2 in parts:
                curves.setdefault(tag, {})[step] = struct.unpack("<f", _bytes(parts[2]))[0]
            elif 8 in parts and (scalar := _tensor(_bytes(parts[8]))) is not None:
                curves.setdefault(tag, {})[step] = scalar


def _tensor(message: bytes) -> float | None:
    """The number in a tensor of one float (DT_FLOAT 1) or double (DT_DOUBLE 2); None for any other."""
    parts = dict(_fields(message))
    form = {1: ("<f", 5), 2: ("<d", 6)}.get(int(parts.get(1, 0)))
    if form is None:
        return None
    code, repeated = form
    raw = _bytes(parts.get(4)) or _bytes(parts.get(repeated))
    return float(struct.unpack(code, raw)[0]) if len(raw) == struct.calcsize(code) else None


def _hyper_parameters(metadata: bytes) -> dict[str, object]:
    """The hyper-parameters that a session's start carries (the HParams plugin)."""
    found: dict[str, object] = {}
    plugin = dict(_fields(_bytes(dict(_fields(metadata)).get(1))))
    start = dict(_fields(_bytes(plugin.get(2)))).get(3)
    for number, entry in _fields(_bytes(start)):
        if number == 1:
            pair = dict(_fields(_bytes(entry)))
            for kind, value in _fields(_bytes(pair.get(2))):
                name = _bytes(pair.get(1)).decode("utf-8", "replace")
                if kind == 2:
                    found[name] = struct.unpack("<d", _bytes(value))[0]
                elif kind == 3:
                    found[name] = _bytes(value).decode("utf-8", "replace")
                elif kind == 4:
                    found[name] = bool(value)
    return found


def _bytes(value: int | bytes | None) -> bytes:
    return value if isinstance(value, bytes) else b""
