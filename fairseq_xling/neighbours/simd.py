"""Three loops in vector instructions, written as LLVM code: as numba's own loops they take 3 to 10 times as long.

LLVM splits the vectors into whatever registers the processor has, so this runs wherever numba does. All arrays are
C-contiguous; nothing is checked.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fairseq_xling.neighbours.certify import LANES

GROUP = 64  # products tested by one `reaching`, one bit each
_QUICK_LANES = 64

_FLOAT, _DOUBLE, _INT32, _INT64 = ir.FloatType(), ir.DoubleType(), ir.IntType(32), ir.IntType(64)


@intrinsic
def reaching(typing_context, values, row, row_floors, column_floors, row_floor, offset, first):  # type: ignore[no-untyped-def]
    """Bit b: values[row, j] >= min(row_floors[j] + row_floor, column_floors[j] - offset), j = first + b, GROUP bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, (values, row, row_floors, column_floors, row_floor, offset, first) = signature.args, arguments
        product = _load(builder, builder.gep(_row(context, builder, kinds[0], values, row), [first]), GROUP)
        floors = []
        for kind, array in ((kinds[2], row_floors), (kinds[3], column_floors)):
            data = context.make_array(kind)(context, builder, array).data
            floors.append(_load(builder, builder.gep(data, [first]), GROUP))
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
def exact_cosine(typing_context, left, i, right, j):  # type: ignore[no-untyped-def]
    """`certify.pair_cosines` of left[i] and right[j], float32 matrices [*, d]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fptrunc(_product(context, builder, signature.args, arguments, LANES, _DOUBLE), _FLOAT)

    return types.float32(left, types.int64, right, types.int64), generate


@intrinsic
def quick_product(typing_context, left, i, right, j):  # type: ignore[no-untyped-def]
    """left[i].right[j] in float32, whose error `certify.product_error` bounds for any order of summation."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _product(context, builder, signature.args, arguments, _QUICK_LANES, _FLOAT)

    return types.float32(left, types.int64, right, types.int64), generate


def _product(context: Any, builder: Any, kinds: Any, arguments: Any, lanes: int, kind: Any) -> Any:
    """The sum over d of two rows' products in `lanes` sums of type `kind`, element e in lane e mod lanes."""
    vector = ir.VectorType(kind, lanes)
    sums, ends = cgutils.alloca_once(builder, vector), cgutils.alloca_once(builder, vector)
    builder.store(ir.Constant(vector, [0.0] * lanes), sums)
    rows = [_row(context, builder, kinds[at], arguments[at], arguments[at + 1]) for at in (0, 2)]
    length = cgutils.unpack_tuple(builder, context.make_array(kinds[0])(context, builder, arguments[0]).shape)[1]
    steps = builder.sdiv(length, ir.Constant(_INT64, lanes))

    def product(first: Any, width: int) -> Any:
        pair = [_load(builder, builder.gep(row, [first]), width) for row in rows]
        if kind is _DOUBLE:
            pair = [builder.fpext(part, ir.VectorType(_DOUBLE, width)) for part in pair]
        return builder.fmul(*pair, flags=("contract",))

    with cgutils.for_range(builder, steps) as loop:
        terms = product(builder.mul(loop.index, ir.Constant(_INT64, lanes)), lanes)
        builder.store(builder.fadd(builder.load(sums), terms, flags=("contract",)), sums)
    # `sums` stay in registers as no lane is addressed; the last elements are added in memory.
    builder.store(builder.load(sums), ends)
    whole = builder.mul(steps, ir.Constant(_INT64, lanes))
    with cgutils.for_range(builder, builder.sub(length, whole)) as loop:
        term = builder.extract_element(product(builder.add(whole, loop.index), 1), ir.Constant(_INT32, 0))
        lane = builder.gep(builder.bitcast(ends, kind.as_pointer()), [loop.index])
        builder.store(builder.fadd(builder.load(lane), term), lane)
    return _halved(builder, builder.load(ends))


def _row(context: Any, builder: Any, kind: Any, matrix: Any, row: Any) -> Any:
    """Pointer to the first element of a row."""
    array = context.make_array(kind)(context, builder, matrix)
    columns = cgutils.unpack_tuple(builder, array.shape)[1]
    return builder.gep(array.data, [builder.mul(row, columns)])


def _load(builder: Any, pointer: Any, width: int) -> Any:
    """`width` float32 elements from a pointer on."""
    loaded = builder.load(builder.bitcast(pointer, ir.VectorType(_FLOAT, width).as_pointer()))
    loaded.align = 4
    return loaded


def _repeated(builder: Any, value: Any) -> Any:
    vector = ir.VectorType(_FLOAT, GROUP)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(_INT32, 0))
    zeros = ir.Constant(ir.VectorType(_INT32, GROUP), [0] * GROUP)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), zeros)


def _halved(builder: Any, vector: Any) -> Any:
    """The sum of all lanes: the upper half is added to the lower until one is left."""
    while vector.type.count > 1:
        half = vector.type.count // 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        places = [ir.Constant(ir.VectorType(_INT32, half), list(range(s, s + half))) for s in (0, half)]
        vector = builder.fadd(*(builder.shuffle_vector(vector, undefined, place) for place in places))
    return builder.extract_element(vector, ir.Constant(_INT32, 0))
