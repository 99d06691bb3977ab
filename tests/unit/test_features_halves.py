import numpy as np
import pytest

from strata.features.halves import rows_of


def both(labels, crops=1, seed=0, least=1, together=False):
    labels = np.repeat(labels, crops)
    return [rows_of(labels, half, crops=crops, seed=seed, least=least, together=together) for half in (0, 1)]


@pytest.mark.parametrize("crops", [1, 3])
def test_every_class_is_dealt_into_two_halves_that_share_no_image(crops):
    labels = np.array([0] * 8 + [4] * 7 + [2] * 5)
    one, other = both(labels, crops=crops)
    assert (one ^ other).all()
    for half, sizes in ((one, [4, 3, 4]), (other, [4, 2, 3])):
        images = half.reshape(-1, crops)
        assert (images.all(1) | ~images.any(1)).all()  # the crops of an image stay together
        assert [images[labels == label, 0].sum() for label in (0, 2, 4)] == sizes


def test_halves_are_random_and_the_same_for_the_same_seed():
    labels = [0] * 60 + [1] * 60
    one, again, other = (both(labels, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert 30 < (one != other).sum() < 90  # as by chance
    assert (one[:60] != one[60:]).any()  # classes are dealt each by itself
    assert not one[:30].all()
    assert not one[::2].all()


def test_a_class_is_dealt_alike_whatever_classes_are_beside_it():
    np.testing.assert_array_equal(both([3] * 9 + [5] * 12)[0][9:], both([5] * 12)[0])


@pytest.mark.parametrize(("crops", "enough"), [(1, [False, True]), (2, [True, True])])
def test_a_class_that_is_too_small_for_the_rank_has_no_images_in_either_half(crops, enough):
    labels = np.array([0] * 7 + [1] * 8)  # 3 and 4 in the smaller halves
    for half in both(labels, crops=crops, least=4):
        images = half.reshape(-1, crops)[:, 0]
        assert [images[labels == label].any() for label in (0, 1)] == enough


def test_classes_that_are_factorised_together_need_their_images_together():
    labels = [0] * 2 + [1] * 10  # 1 and 5 in the smaller halves, or 6
    assert all(half.sum() == 6 for half in both(labels, least=3, together=True))
    assert not any(half.any() for half in both(labels, least=4, together=True))
