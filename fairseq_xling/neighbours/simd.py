"""Three loops in vector instructions, written as LLVM code: as numba's own loops they take 4 to 10 times as long.

LLVM splits the vectors into whatever registers the processor has, so this runs wherever numba does. All arrays are
C-contiguous; nothing is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from fairseq_xling.neighbours.certify import CODE_COLUMNS, LANES

GROUP = 64  # products tested by one `reaching`, one bit each
TOGETHER = 4  # products of one `code_products`

_FLOAT, _DOUBLE = ir.FloatType(), ir.DoubleType()
_INT8, _INT16, _INT32, _INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


def only_avx2() -> bool:
    """The processor multiplies 32 codes in one instruction, and has none for 64."""
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return False  # numba was told to make code for another processor
    has = get_host_cpu_features()
    return bool(has.get("avx2")) and not has.get("avx512bw")


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


def products_of_codes(step: Callable[[Any, Any, Any], Any], lanes: int) -> Any:
    """`code_products` whose `step` adds the products of CODE_COLUMNS codes until `lanes` sums are left."""

    @intrinsic
    def code_products(typing_context, left, i, right, shift, columns, first, products):  # type: ignore[no-untyped-def]
        """products[p] = the sum of left[i] * right[shift + columns[p]], p = first .. first + TOGETHER - 1.

        int8 matrices of -127..127 with a multiple of CODE_COLUMNS columns. left[i] is read once for all.
        """

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds, (left, i, right, shift, columns, first, products) = signature.args, arguments
            ours = _row(context, builder, kinds[0], left, i)
            length = cgutils.unpack_tuple(builder, context.make_array(kinds[0])(context, builder, left).shape)[1]
            places = [builder.add(first, ir.Constant(_INT64, at)) for at in range(TOGETHER)]
            chosen, found = (
                context.make_array(kind)(context, builder, array).data
                for kind, array in ((kinds[4], columns), (kinds[6], products))
            )
            rows = [builder.add(shift, builder.load(builder.gep(chosen, [place]))) for place in places]
            theirs = [_row(context, builder, kinds[2], right, row) for row in rows]
            zeros = ir.Constant(ir.VectorType(_INT32, lanes), [0] * lanes)
            sums = [_variable(builder, zeros) for _ in places]
            with cgutils.for_range(builder, builder.sdiv(length, ir.Constant(_INT64, CODE_COLUMNS))) as loop:
                start = builder.mul(loop.index, ir.Constant(_INT64, CODE_COLUMNS))
                part = _load(builder, builder.gep(ours, [start]), _INT8, CODE_COLUMNS)
                for row, total in zip(theirs, sums, strict=True):
                    other = _load(builder, builder.gep(row, [start]), _INT8, CODE_COLUMNS)
                    builder.store(builder.add(builder.load(total), step(builder, part, other)), total)
            for place, total in zip(places, sums, strict=True):
                builder.store(_total(builder, builder.load(total), builder.add), builder.gep(found, [place]))
            return context.get_dummy_value()

        numbers = types.int64, columns, types.int64
        return types.void(left, types.int64, right, *numbers, products), generate

    return code_products


def plain_sums(builder: Any, left: Any, right: Any) -> Any:
    """32 sums of two products each."""
    wide = ir.VectorType(_INT32, CODE_COLUMNS)
    products = builder.mul(builder.sext(left, wide), builder.sext(right, wide))
    # Neighbours are added first: LLVM knows this as one instruction (pmaddwd, vpdpwssd).
    return builder.add(*(_chosen(builder, products, range(at, CODE_COLUMNS, 2)) for at in (0, 1)))


def avx2_sums(builder: Any, left: Any, right: Any) -> Any:
    """8 sums of eight: |left| times right with left's sign, whose pairs fit 16 bits (2 * 127 * 127 < 2^15)."""
    half = CODE_COLUMNS // 2
    codes, shorts, longs = (ir.VectorType(kind, half * 8 // kind.width) for kind in (_INT8, _INT16, _INT32))
    signed, times, paired = (
        cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, [taken] * 2), f"llvm.x86.avx2.{name}")
        for name, taken, result in (
            ("psign.b", codes, codes),
            ("pmadd.ub.sw", codes, shorts),
            ("pmadd.wd", shorts, longs),
        )
    )
    sums = []
    for start in (0, half):
        ours, theirs = (_chosen(builder, part, range(start, start + half)) for part in (left, right))
        products = builder.call(times, [builder.call(signed, [ours, ours]), builder.call(signed, [theirs, ours])])
        sums.append(builder.call(paired, [products, ir.Constant(shorts, [1] * (half // 2))]))
    return builder.add(*sums)


code_products = products_of_codes(avx2_sums, 8) if only_avx2() else products_of_codes(plain_sums, 32)


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
