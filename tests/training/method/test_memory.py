"""Banks: what is drawn, read and written, in memory and on disk, against obvious twins."""

import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from cpd_model.errors import InputError
from training.method import memory
from training.method.memory import MemoryBank, bank_bytes, check_disk, draw_negatives

DIM = 6


def unit_rows(count, *, seed=0, dim=DIM):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, dim, generator=generator), dim=1)


def random_items(*shape, num_items, seed=0):
    return torch.randint(num_items, shape, generator=torch.Generator().manual_seed(seed))


def new_bank(num_items=20, *, dtype="float32", place="cpu", momentum=0.25, seed=0):
    return MemoryBank.random(
        num_items, DIM, momentum=momentum, dtype=dtype, seed=[seed], place=place
    )


@pytest.fixture(params=["float32", "float16", "disk", "disk16"])
def bank(request, tmp_path):
    dtype = "float16" if request.param.endswith("16") else "float32"
    place = tmp_path / "rows.bank" if request.param.startswith("disk") else "cpu"
    return new_bank(dtype=dtype, place=place)


def test_a_new_bank_holds_unit_vectors_that_the_seed_decides(bank):
    again = new_bank(dtype="float16" if bank.rows_ND.dtype == torch.float16 else "float32")

    assert torch.equal(bank.rows_ND, again.rows_ND)
    assert not torch.equal(bank.rows_ND.float(), new_bank(seed=1).rows_ND)
    torch.testing.assert_close(bank.rows_ND.float().norm(dim=1), torch.ones(20), rtol=0, atol=2e-3)


@pytest.mark.parametrize("num_pairs", [1, 3])
def test_similarities_are_dot_products_with_each_row(bank, num_pairs):
    queries_BD = unit_rows(num_pairs, seed=3).requires_grad_()
    items_BK = random_items(num_pairs, 9, num_items=20)
    weights_BK = torch.rand(num_pairs, 9)
    expected_BK = torch.einsum("bd,bkd->bk", queries_BD, bank.rows_ND.float()[items_BK])
    (expected_grad,) = torch.autograd.grad((expected_BK * weights_BK).sum(), queries_BD)

    cosines_BK = bank.similarities(queries_BD, items_BK)
    (grad,) = torch.autograd.grad((cosines_BK * weights_BK).sum(), queries_BD)

    torch.testing.assert_close(cosines_BK, expected_BK)
    torch.testing.assert_close(grad, expected_grad)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_many_negatives_are_read_in_parts(monkeypatch, dtype):
    """More rows than one bag sums up; and fewer bytes than a part of the batch needs."""
    monkeypatch.setattr(memory, "_BAG_ROWS", 4)
    monkeypatch.setattr(memory, "_GATHERED_BYTES", 4 * DIM * 11 * 2)
    big = new_bank(2000, dtype=dtype)
    queries_BD = unit_rows(5, seed=3).requires_grad_()
    items_BK = random_items(5, 11, num_items=2000)

    cosines_BK = big.similarities(queries_BD, items_BK)
    (grad,) = torch.autograd.grad(cosines_BK.square().sum(), queries_BD)

    rows_BKD = big.rows_ND.float()[items_BK]
    expected_BK = torch.einsum("bd,bkd->bk", queries_BD, rows_BKD)
    torch.testing.assert_close(cosines_BK, expected_BK)
    torch.testing.assert_close(grad, torch.einsum("bk,bkd->bd", 2 * expected_BK, rows_BKD))


def test_shared_similarities_are_those_of_equal_draws(bank):
    queries_BD = unit_rows(4, seed=3)
    items_K = random_items(7, num_items=20)

    shared_BK = bank.shared_similarities(queries_BD, items_K)

    torch.testing.assert_close(shared_BK, bank.similarities(queries_BD, items_K.expand(4, 7)))


@pytest.mark.parametrize("reads", ["similarities", "shared_similarities"])
def test_autocast_changes_no_similarity(bank, reads):
    queries_BD = unit_rows(2, seed=3)
    items = random_items(7, num_items=20)
    items = items if reads == "shared_similarities" else items.expand(2, 7)

    outside = getattr(bank, reads)(queries_BD, items)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = getattr(bank, reads)(queries_BD, items)

    assert torch.equal(inside, outside)


def test_an_update_is_the_momentum_rule_and_touches_no_other_row(bank):
    before_ND = bank.rows_ND.float().clone()
    items_G, embeddings_GD = torch.tensor([4, 0, 19]), unit_rows(3, seed=5)

    bank.update(items_G, embeddings_GD)

    expected_ND = before_ND.clone()
    for item, embedding in zip(items_G.tolist(), embeddings_GD, strict=True):
        mixed = 0.25 * before_ND[item] + 0.75 * embedding
        expected_ND[item] = mixed / mixed.norm()
    tolerance = 1e-6 if bank.rows_ND.dtype == torch.float32 else 1e-3
    torch.testing.assert_close(bank.rows_ND.float(), expected_ND, rtol=0, atol=tolerance)


@given(momentum=st.floats(0, 0.99), items=st.lists(st.integers(0, 19), min_size=1, max_size=12))
def test_of_an_item_that_comes_twice_the_last_vector_counts(momentum, items):
    bank, last = new_bank(momentum=momentum), dict(zip(items, range(len(items)), strict=True))
    embeddings_GD = unit_rows(len(items), seed=5)
    twin = new_bank(momentum=momentum)

    bank.update(torch.tensor(items), embeddings_GD)
    for item, position in last.items():
        twin.update(torch.tensor([item]), embeddings_GD[position : position + 1])

    assert torch.equal(bank.rows_ND, twin.rows_ND)


def test_a_bank_goes_on_where_another_stood(bank, tmp_path):
    bank.update(torch.tensor([2, 3]), unit_rows(2, seed=5))
    torch.save(bank.state_dict(), tmp_path / "state.pt")
    bank.update(torch.tensor([2, 9]), unit_rows(2, seed=6))

    dtype = "float16" if bank.rows_ND.dtype == torch.float16 else "float32"
    other = new_bank(seed=8, dtype=dtype, place=tmp_path / "other.bank")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert not torch.equal(other.rows_ND, bank.rows_ND)
    other.update(torch.tensor([2, 9]), unit_rows(2, seed=6))

    assert torch.equal(other.rows_ND, bank.rows_ND)


def test_rows_of_another_list_are_refused():
    with pytest.raises(ValueError, match=r"holds \(20, 6\) torch.float32, got \(21, 6\)"):
        new_bank().load_state_dict(new_bank(21).state_dict())


def test_a_bank_on_disk_leaves_no_file(tmp_path):
    bank = new_bank(place=tmp_path / "banks" / "rows.bank")

    assert list((tmp_path / "banks").iterdir()) == []
    assert torch.equal(bank.rows_ND, new_bank().rows_ND)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
def test_a_disk_that_fills_up_is_told_and_nothing_stays(tmp_path):
    full = tmp_path / "rows.bank"
    full.symlink_to("/dev/full")

    with pytest.raises(InputError, match="the disk is full"):
        new_bank(place=full)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_the_room_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"need 1073741824\.0 GiB .* are free: make room"):
        check_disk(tmp_path / "not" / "yet", needed_bytes=2**60)
    assert list(tmp_path.iterdir()) == []


def test_enough_room_is_fine(tmp_path):
    check_disk(tmp_path / "not" / "yet", needed_bytes=1)


def test_the_bytes_of_both_banks_are_known_beforehand():
    assert bank_bytes(300_000, 256, dtype="float32") == 614_400_000
    assert bank_bytes(10_000_000, 256, dtype="float16") == 10_240_000_000


def test_a_draw_depends_on_its_seed_alone():
    items_B = torch.arange(3)

    def draw(seed):
        return draw_negatives(items_B, 8, num_items=50, seed=seed)

    assert torch.equal(draw([0, 5]), draw([0, 5]))
    assert not torch.equal(draw([0, 5]), draw([0, 6]))
    assert not torch.equal(draw([0, 5]), draw([1, 5]))


def test_negatives_are_uniform_over_all_items():
    drawn_BK = draw_negatives(torch.tensor([0, 2, 4]), 50_000, num_items=5, seed=[0, 0])

    for drawn_K in drawn_BK:
        shares = torch.bincount(drawn_K, minlength=5) / 50_000
        torch.testing.assert_close(shares, torch.full((5,), 1 / 5), rtol=0, atol=0.01)
