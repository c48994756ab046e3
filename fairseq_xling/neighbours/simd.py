"""Three loops in vector instructions, written as LLVM code: as numba's own loops they take 4 to 10 times as long.

LLVM splits the vectors into whatever registers the processor has, so this runs wherever numba does. All arrays are
C-contiguous; nothing is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fairseq_xling.neighbours.certify import CODE_COLUMNS, LANES

GROUP = 64  # products tested by one `reaching`, one bit each

_FLOAT, _DOUBLE, _INT8, _INT32, _INT64 = ir.FloatType(), ir.DoubleType(), ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic
def reaching(typing_context, values, row, row_floors, column_floors, row_floor, offset, first):  # type: ignore[no-untyped-def]
    """Bit b: values[row, j] >= min(row_floors[j] + row_floor, column_floors[j] - offset), j = first + b, GROUP bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, (values, row, row_floors, column_floors, row_floor, offset, first) = signature.args, arguments
        product = _load(builder, builder.gep(_row(context, builder, kinds[0], values, row), [first]), _FLOAT, GROUP)
        floors = []
        for kind, array in ((kinds[2], row_floors), (kinds[3], column_floors)):
            data = context.make_array(kind)(context, builder, array).data
            floors.append(_load(builder, builder.gep(data, [first]), _FLOAT, GROUP))
        by_row = builder.fadd(floors[0], _repeated(builder, row_floor))
        by_column = builder.fsub(floors[1], _repeated(builder, offset))
        lower = builder.select(builder.fcmp_ordered("<", by_row, by_column), by_row, by_column)
        return builder.bitcast(builder.fcmp_ordered(">=", product, lower), _INT64)

    numbers = (types.float32, types.float32, types.int64)
    return types.uint64(values, types.int64, row_floors, column_floors, *numbers), generate


@intrinsic
def lowest_bit(typing_context, bits):  # type: ignore[no-untyped-def]
    """The place of the lowest set bit of an uint64 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def code_product(typing_context, left, i, right, j):  # type: ignore[no-untyped-def]
    """The sum of left[i] * right[j], int8 matrices with a multiple of CODE_COLUMNS columns (0 gives 0)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, length = _two_rows(context, builder, signature.args, arguments)
        half = CODE_COLUMNS // 2
        sums = _variable(builder, ir.Constant(ir.VectorType(_INT32, half), [0] * half))
        wide = ir.VectorType(_INT32, CODE_COLUMNS)
        with cgutils.for_range(builder, builder.sdiv(length, ir.Constant(_INT64, CODE_COLUMNS))) as loop:
            first = builder.mul(loop.index, ir.Constant(_INT64, CODE_COLUMNS))
            parts = [builder.sext(_load(builder, builder.gep(row, [first]), _INT8, CODE_COLUMNS), wide) for row in rows]
            products = builder.mul(*parts)
            # Neighbours are added first: LLVM knows this as one instruction (pmaddwd, vpdpwssd).
            pairs = builder.add(*(_chosen(builder, products, range(at, CODE_COLUMNS, 2)) for at in (0, 1)))
            builder.store(builder.add(builder.load(sums), pairs), sums)
        return _total(builder, builder.load(sums), builder.add)

    return types.int32(left, types.int64, right, types.int64), generate


@intrinsic
def exact_cosine(typing_context, left, i, right, j):  # type: ignore[no-untyped-def]
    """`certify.pair_cosines` of left[i] and right[j], float32 matrices [*, d]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, length = _two_rows(context, builder, signature.args, arguments)
        zeros = ir.Constant(ir.VectorType(_DOUBLE, LANES), [0.0] * LANES)
        sums = _variable(builder, zeros)

        def product(first: Any, width: int) -> Any:
            wide = ir.VectorType(_DOUBLE, width)
            pair = [_load(builder, builder.gep(row, [first]), _FLOAT, width) for row in rows]
            return builder.fmul(*(builder.fpext(part, wide) for part in pair))

        steps = builder.sdiv(length, ir.Constant(_INT64, LANES))
        with cgutils.for_range(builder, steps) as loop:
            terms = product(builder.mul(loop.index, ir.Constant(_INT64, LANES)), LANES)
            builder.store(builder.fadd(builder.load(sums), terms), sums)
        # `sums` stay in registers as no lane of them is addressed; the last elements are added in memory.
        ends = _variable(builder, builder.load(sums))
        whole = builder.mul(steps, ir.Constant(_INT64, LANES))
        with cgutils.for_range(builder, builder.sub(length, whole)) as loop:
            term = builder.extract_element(product(builder.add(whole, loop.index), 1), ir.Constant(_INT32, 0))
            lane = builder.gep(builder.bitcast(ends, _DOUBLE.as_pointer()), [loop.index])
            builder.store(builder.fadd(builder.load(lane), term), lane)
        return builder.fptrunc(_total(builder, builder.load(ends), builder.fadd), _FLOAT)

    return types.float32(left, types.int64, right, types.int64), generate


def _two_rows(context: Any, builder: Any, kinds: Any, arguments: Any) -> tuple[list[Any], Any]:
    """Pointers to left[i] and right[j], and the number of columns."""
    rows = [_row(context, builder, kinds[at], arguments[at], arguments[at + 1]) for at in (0, 2)]
    left = context.make_array(kinds[0])(context, builder, arguments[0])
    return rows, cgutils.unpack_tuple(builder, left.shape)[1]


def _row(context: Any, builder: Any, kind: Any, matrix: Any, row: Any) -> Any:
    """Pointer to the first element of a row."""
    array = context.make_array(kind)(context, builder, matrix)
    columns = cgutils.unpack_tuple(builder, array.shape)[1]
    return builder.gep(array.data, [builder.mul(row, columns)])


def _load(builder: Any, pointer: Any, kind: Any, width: int) -> Any:
    """`width` elements from a pointer on, which need not be aligned."""
    loaded = builder.load(builder.bitcast(pointer, ir.VectorType(kind, width).as_pointer()))
    loaded.align = 1 if kind is _INT8 else 4
    return loaded


def _variable(builder: Any, value: Any) -> Any:
    """A place on the stack with this value."""
    place = cgutils.alloca_once(builder, value.type)
    builder.store(value, place)
    return place


def _chosen(builder: Any, vector: Any, places: Sequence[int]) -> Any:
    """The elements at these places, as a vector."""
    mask = ir.Constant(ir.VectorType(_INT32, len(places)), list(places))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def _repeated(builder: Any, value: Any) -> Any:
    single = ir.Constant(ir.VectorType(_FLOAT, GROUP), ir.Undefined)
    return _chosen(builder, builder.insert_element(single, value, ir.Constant(_INT32, 0)), [0] * GROUP)


def _total(builder: Any, vector: Any, add: Any) -> Any:
    """The sum of all lanes: the upper half is added to the lower until one is left."""
    while vector.type.count > 1:
        half = vector.type.count // 2
        vector = add(*(_chosen(builder, vector, range(start, start + half)) for start in (0, half)))
    return builder.extract_element(vector, ir.Constant(_INT32, 0))
