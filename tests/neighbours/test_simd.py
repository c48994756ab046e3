"""The loops in vector instructions, against plain ones; `exact_cosine` is in test_certify.py."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config

from fairseq_xling.neighbours.codes import LONGEST_CODED
from fairseq_xling.neighbours.simd import (
    GROUP,
    TOGETHER,
    code_products,
    lowest_bit,
    only_avx2,
    plain_sums,
    products_of_codes,
    reaching,
)


@numba.njit  # type: ignore[untyped-decorator]
def compiled_reaching(values, row, row_floors, column_floors, row_floor, offset, first):  # type: ignore[no-untyped-def]
    return reaching(values, row, row_floors, column_floors, row_floor, offset, first)


@numba.njit  # type: ignore[untyped-decorator]
def compiled_lowest_bit(bits):  # type: ignore[no-untyped-def]
    return lowest_bit(bits)


@numba.njit  # type: ignore[untyped-decorator]
def compiled_code_products(left, i, right, shift, columns, first, products):  # type: ignore[no-untyped-def]
    code_products(left, i, right, shift, columns, first, products)


plain_products = products_of_codes(plain_sums, 32)


@numba.njit  # type: ignore[untyped-decorator]
def compiled_plain_products(left, i, right, shift, columns, first, products):  # type: ignore[no-untyped-def]
    plain_products(left, i, right, shift, columns, first, products)


@pytest.mark.parametrize("multiply", [compiled_code_products, compiled_plain_products])
@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.integers(0, 2), st.integers(0, 3))
def test_code_products_are_sums_of_whole_numbers(multiply, seed, blocks, i, shift) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    left, right = (generator.integers(-127, 128, (rows, 64 * blocks), np.int8) for rows in (3, 7))
    left[0], right[0] = 127, -127
    columns, products = generator.integers(0, 4, 2 * TOGETHER + 1), np.full(2 * TOGETHER + 1, 7, np.int32)
    multiply(left, i, right, shift, columns, TOGETHER, products)
    expected = right[shift + columns].astype(int) @ left[i].astype(int)
    expected[:TOGETHER], expected[2 * TOGETHER :] = 7, 7  # only its own places
    assert products.tolist() == expected.tolist()


def test_processors_with_wider_instructions_are_left_to_llvm() -> None:
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    assert only_avx2() == ("avx2" in flags and "avx512bw" not in flags)


def test_code_for_another_processor_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CPU_NAME", "generic")
    assert not only_avx2()


def test_the_longest_codes_do_not_overflow() -> None:
    left = np.full((1, LONGEST_CODED), 127, np.int8)
    products = np.empty(TOGETHER, np.int32)
    compiled_code_products(left, 0, -left, 0, np.zeros(TOGETHER, np.int64), 0, products)
    assert products.tolist() == [-(127**2) * LONGEST_CODED] * TOGETHER


@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_bits_say_which_products_reach_a_list(seed: int, row: int) -> None:
    generator = np.random.default_rng(seed)
    values, floors = generator.integers(-4, 5, (3, 3 * GROUP)), generator.integers(-4, 5, (2, 3 * GROUP))
    values, floors = values.astype(np.float32), floors.astype(np.float32)
    row_floor, offset = np.float32(generator.integers(-2, 3)), np.float32(generator.integers(-2, 3))
    bits = int(compiled_reaching(values, row, floors[0], floors[1], row_floor, offset, GROUP))
    places = range(GROUP, 2 * GROUP)
    expected = [values[row, j] >= min(floors[0, j] + row_floor, floors[1, j] - offset) for j in places]
    assert [bool(bits >> b & 1) for b in range(GROUP)] == expected


@given(st.integers(1, 2**64 - 1))
def test_lowest_bit(bits: int) -> None:
    assert compiled_lowest_bit(np.uint64(bits)) == (bits & -bits).bit_length() - 1
