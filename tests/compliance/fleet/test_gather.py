"""Bundles of any box and period are appended to the copy of its ledger; what does not fit is refused by name, whole."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance.cosigning import cosign
from compliance.export import export_jsonl
from compliance.fleet import Finding, fleet_status
from compliance.retention import prune
from compliance.rotation import rotate
from compliance.verify import MANIFEST
from compliance.witness import Witness
from tests.compliance.fleet.office import Office, stored
from tests.compliance.ledgers import fill, header

MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")


def monthly(office: Office, name: str = "b1") -> list[Path]:
    """A bundle a month, of two records each, all made after the last record."""
    with office.box(name) as box:
        for month in MONTHS:
            for day in ("05", "20"):
                made = header(f"{month}-{day}", f"s{month}", time=f"{month}-{day}T10:00:00.000Z")
                box.append(made, {"question": f"{month} {day}"})
        return [office.bundle(box, since=f"{month}-01", until=f"{month}-28") for month in MONTHS]


# ---- what fits ----------------------------------------------------------------------------------------------------


def test_what_is_new_is_appended_box_by_box(office: Office) -> None:
    with office.box("b1") as one, office.box("b2") as two:
        fill(one, 5)
        fill(two, 3)
        first = [office.bundle(one), office.bundle(two, zipped=True)]
        assert [(each.finding, each.appended) for each in office.gather(*first)] == [("appended", 5), ("appended", 3)]
        fill(one, 4, "later")
        fill(two, 1, "later", sessions=1)
        done = office.gather(office.bundle(one, zipped=True), office.bundle(two))
        assert [(each.origin, each.appended, each.records) for each in done] == [("tellerbox/b1", 5, 10), ("tellerbox/b2", 2, 5)]
        for box in (one, two):
            held = stored(box)[:-1]  # the record of the last export is not in it
            assert office.rows(box.origin) == [(index, head, hashlib.sha256(sealed).digest()) for index, head, sealed in held]
            assert office.sealed(box.origin) == {index: sealed for index, _, sealed in held if sealed}
    assert office.problems() == [None, None]


def test_each_bundle_is_recorded_in_the_head_offices_own_ledger(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
        bundle = office.bundle(box)
    office.gather(bundle, bundle, office.root / "nowhere")
    records = [each.header for each in office.ledger.find()]
    assert [(each.kind, each.facts["finding"], each.facts["appended"]) for each in records] == [
        ("gather", "broken", 0), ("gather", "appended", 3), ("gather", "nothing_new", 0),
    ]  # fmt: skip
    digest = hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()
    assert (records[1].facts["origin"], records[1].facts["sha256"]) == ("tellerbox/b1", digest)
    assert office.ledger.verify().problem is None


def test_periods_given_in_any_order_make_one_ledger(office: Office) -> None:
    months = monthly(office)
    done = office.gather(*reversed(months))
    assert [(each.finding, each.appended, each.records) for each in done] == [("appended", 2, 2 * n) for n in (1, 2, 3, 4)]
    assert [each.size for each in done] == [8, 9, 10, 11]  # each export is a record too, which no period of the year 2026 holds
    assert office.problems() == [None]
    with office.box() as box:
        assert office.gathered(office.bundle(box)).appended == 4
    assert office.problems() == [None]


def test_a_bundle_that_overlaps_adds_the_rest_alone(office: Office) -> None:
    months = monthly(office)
    with office.box() as box:
        whole = office.bundle(box, since="2026-01-10", until="2026-03-10")
    assert office.gathered(months[0]).records == 2
    assert office.gathered(whole).appended == 3
    assert office.gathered(months[2]).appended == 1
    assert office.problems() == [None]


def test_an_older_bundle_and_one_gathered_before_change_nothing_and_say_so(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
        old = office.bundle(box)
        fill(box, 2, "later")
        new = office.bundle(box)
    office.gather(new)
    before = office.rows()
    for bundle, words in ((old, "older than the copy: nothing to do"), (new, "gathered already: nothing to do")):
        done = office.gathered(bundle)
        assert (done.finding, done.finding.wrong) == (Finding.NOTHING_NEW, False)
        assert words in done.message
    assert office.rows() == before
    assert office.problems() == [None]


def test_an_old_period_exported_anew_brings_its_checkpoint(office: Office) -> None:
    months = monthly(office)
    office.gather(*months)
    with office.box() as box:
        again = office.bundle(box, since="2026-02-01", until="2026-02-28")
    done = office.gathered(again)
    assert (done.finding, done.appended, done.size) == (Finding.CHECKPOINT, 0, 12)
    (status,) = fleet_status(office.copies)
    assert (status.records, status.size) == (8, 12)
    assert office.problems() == [None]


@pytest.mark.parametrize("form", ["closed", "decrypted", "sealed"])
def test_of_a_text_the_copy_holds_ciphertext_at_most_and_no_key(office: Office, form: str) -> None:
    with office.box() as box:
        box.append(header(), {"question": "wolframite and bismuth"})
        sealed = stored(box)[0][2]
        bundle = office.bundle(box, decrypt=True) if form == "decrypted" else office.bundle(box, sealed=form == "sealed")
        key, _ = box.disclose(*stored(box)[0][1:]) or (b"", b"")
    assert office.gathered(bundle).finding is Finding.APPENDED
    assert office.sealed() == ({} if form == "closed" else {0: sealed})
    if Path(office.place).is_dir():
        held = b"".join(each.read_bytes() for each in Path(office.place).iterdir())
        assert b"wolframite" not in held
        assert len(key) == 32
        assert key not in held
    assert office.problems() == [None]


# ---- keys, erasures, prunings, witnesses --------------------------------------------------------------------------


def test_an_erasure_that_is_gathered_takes_the_sealed_texts_with_it(office: Office) -> None:
    with office.box() as box:
        fill(box, 6, sessions=2)
        office.gather(office.bundle(box))
        assert set(office.sealed()) == {0, 1, 2, 3, 4, 5}
        box.erase("s1")
        fill(box, 2, "again", sessions=2)  # the session goes on, under a key of its own
        done = office.gathered(office.bundle(box))
        assert (done.finding, done.erased) == (Finding.APPENDED, 3)
        assert "3 erased" in done.message
        kept = office.sealed()
        assert set(kept) == {0, 2, 4, 8, 9}
        assert box.read(9)[1] == {"question": "again 1"}
    assert office.problems() == [None]


def test_records_erased_before_they_were_gathered_are_never_held(office: Office) -> None:
    with office.box() as box:
        fill(box, 4, sessions=2)
        early = office.bundle(box)
        box.erase("s0")
        assert office.gathered(office.bundle(box)).erased == 2
        assert set(office.sealed()) == {1, 3}
        office.gather(early)  # which still has them
        assert set(office.sealed()) == {1, 3}
    assert office.problems() == [None]


def test_a_changed_key_is_followed_from_the_one_that_is_known(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
        before, first = office.bundle(box), box.vkey
        rotate(box)
        fill(box, 2, "second")
        rotate(box)
        after = office.bundle(box)
        assert [each.finding for each in office.gather(before, after)] == ["appended", "appended"]
        assert office.gathered(before).finding is Finding.NOTHING_NEW  # signed by a key that is retired now
        (status,) = fleet_status(office.copies)
        assert status.vkey == box.vkey != first
        fill(box, 1, "third")
        assert office.gathered(office.bundle(box)).appended == 2
    assert office.problems() == [None]


def test_whoever_stole_a_retired_key_adds_nothing(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
    office.backup("b1", "stolen")
    with office.box() as box:
        rotate(box)
        fill(box, 2, "true")
        office.gather(office.bundle(box))
    before = office.rows()
    with office.restored("thief", "stolen", branch="b1") as thief:
        fill(thief, 9, "forged")
        forged = office.bundle(thief)
        rotate(thief)
        rotated = office.bundle(thief)
    assert (done := office.gathered(forged)).finding is Finding.FORK
    assert "keys were not changed after 3 records, as was gathered" in done.message
    assert office.gathered(rotated).finding is Finding.ANOTHER_BOX
    assert office.rows() == before
    assert office.problems() == [None]


def test_a_first_bundle_is_measured_by_the_key_that_was_given(office: Office) -> None:
    with office.box() as box, office.box("other", branch="b1") as other:
        fill(box, 2)
        published = box.vkey
        rotate(box)
        bundle = office.bundle(box)
        done = office.gathered(bundle, keys=[other.vkey])
        assert done.finding is Finding.ANOTHER_BOX
        assert office.rows() == []
        done = office.gathered(bundle, keys=[published])
        assert done.finding is Finding.APPENDED
        assert "on trust" not in done.message
        again = Office(office.root / "again")
        assert "on trust" in again.gathered(bundle).message
        again.ledger.close()


def test_another_box_under_a_known_name_is_refused(office: Office) -> None:
    with office.box() as box, office.box("other", branch="b1") as other:
        fill(box, 2)
        fill(other, 4)
        office.gather(office.bundle(box))
        done = office.gathered(office.bundle(other))
    assert (done.finding, done.finding.wrong) == (Finding.ANOTHER_BOX, True)
    assert len(office.rows()) == 2
    assert office.findings() == ["appended", "another_box"]


def test_what_was_pruned_before_comes_as_its_hashes(office: Office) -> None:
    with office.box() as box:
        for day in range(4):
            box.append(header(f"t{day}", f"s{day}", time=f"2020-01-0{day + 1}T10:00:00.000Z"), {"question": "x"})
        prune(box, "2020-01-04")
        done = office.gathered(office.bundle(box))
        assert (done.finding, done.pruned) == (Finding.APPENDED, 3)
        assert "3 pruned" in done.message
        assert [each[1] is None for each in office.rows()] == [True, True, True, False, False]
        (status,) = fleet_status(office.copies)
        assert status.pruned == 3
        fill(box, 2)
        assert office.gathered(office.bundle(box)).appended == 3
    assert office.problems() == [None]


def test_what_the_box_pruned_later_is_still_the_same_ledger(office: Office) -> None:
    with office.box() as box:
        for day in range(4):
            box.append(header(f"t{day}", f"s{day}", time=f"2020-01-0{day + 1}T10:00:00.000Z"), {"question": "x"})
        office.gather(office.bundle(box))
        prune(box, "2020-01-04")
        assert office.gathered(office.bundle(box)).finding is Finding.APPENDED
    assert all(each[1] is not None for each in office.rows())
    assert office.problems() == [None]


def test_the_witnesses_that_cosigned_are_kept_and_can_be_demanded(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
        witness = Witness.open(office.root / "witness", "w.example/1", [box.vkey])
        stranger = Witness.open(office.root / "stranger", "w.example/2", [box.vkey])
        cosign(box, lambda body: witness.add_checkpoint(body.encode()), witness.vkey)
        fill(box, 1, "later", sessions=1)
        bundle = office.bundle(box)
        refused = office.gathered(bundle, witnesses=[stranger.vkey])
        assert (refused.finding, "no cosignature of w.example/2" in refused.message) == (Finding.BROKEN, True)
        assert office.gathered(bundle, witnesses=[witness.vkey]).finding is Finding.APPENDED
        (status,) = fleet_status(office.copies)
        assert [(each.witness, each.size, each.vkey) for each in status.witnesses] == [("w.example/1", 3, witness.vkey)]
        unchecked = Office(office.root / "unchecked")
        unchecked.gather(bundle)
        assert [(each.witness, each.vkey) for each in fleet_status(unchecked.copies)[0].witnesses] == [("w.example/1", "")]
        for each in (witness, stranger, unchecked.ledger):
            each.close()


# ---- what does not fit --------------------------------------------------------------------------------------------


def test_a_gap_is_named_and_can_be_filled(office: Office) -> None:
    months = monthly(office)
    done = office.gathered(months[1])
    assert done.finding is Finding.GAP
    assert "records 0 to 1 were never gathered" in done.message
    assert office.rows() == []
    office.gather(months[0])
    assert "records 2 to 3 were never gathered" in office.gathered(months[2]).message
    assert [each.finding for each in office.gather(months[2], months[1])] == ["appended", "appended"]
    assert office.problems() == [None]


def test_a_fork_is_found_by_the_records_that_both_hold(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
    office.backup("b1", "kept")
    with office.box() as box:
        fill(box, 4, "one")
        office.gather(office.bundle(box))
    before = office.rows()
    with office.restored("forked", "kept", branch="b1") as forked:
        fill(forked, 9, "other")
        done = office.gathered(office.bundle(forked))
    assert (done.finding, done.message) == (Finding.FORK, "record 3 is another than was gathered")
    assert office.rows() == before


def test_a_fork_is_found_by_what_stands_left_of_a_period(office: Office) -> None:
    with office.box() as box:
        fill(box, 3)
    office.backup("b1", "kept")
    with office.box() as box:
        fill(box, 4, "one")
        office.gather(office.bundle(box))
    with office.restored("forked", "kept", branch="b1") as forked:
        fill(forked, 4, "other")
        forked.append(header("late", time="2031-01-01T10:00:00.000Z"), {"question": "x"})
        done = office.gathered(office.bundle(forked, since="2031-01-01"))
    assert (done.finding, done.message) == (Finding.FORK, "its first 7 records are not those that were gathered")


def test_a_fork_behind_what_is_held_is_found_by_the_checkpoint_that_promised_it(office: Office) -> None:
    """The copy ends before a checkpoint of 6 records; the box then shows other records for the rest."""
    with office.box() as box:
        for month in ("01", "02"):
            box.append(header(month, time=f"2026-{month}-05T10:00:00.000Z"), {"question": month})
    office.backup("b1", "kept")
    with office.box() as box:
        fill(box, 4, "one")
        assert office.gathered(office.bundle(box, until="2026-02-28")).size == 6
    with office.restored("forked", "kept", branch="b1") as forked:
        fill(forked, 9, "other")
        done = office.gathered(office.bundle(forked))
    assert done.finding is Finding.FORK
    assert "its first 6 records are not those of a checkpoint that was gathered before" in done.message
    assert len(office.rows()) == 2
    assert office.problems() == [None]


def test_two_checkpoints_of_one_size_are_a_fork(office: Office) -> None:
    with office.box() as box:
        fill(box, 2)
    office.backup("b1", "kept")
    with office.box() as box:
        fill(box, 1, "one")
        office.gather(office.bundle(box))
    with office.restored("forked", "kept", branch="b1") as forked:
        fill(forked, 1, "other")
        done = office.gathered(office.bundle(forked))
    assert (done.finding, done.message) == (Finding.FORK, "its 3 records are not those that were gathered")


@pytest.mark.parametrize("later", [0, 1])
def test_a_box_that_was_rolled_back_is_found_out(office: Office, later: int) -> None:
    with office.box() as box:
        fill(box, 3)
    office.backup("b1", "kept")
    with office.box() as box:
        fill(box, 5, "lost")
        office.gather(office.bundle(box))
    before = office.rows()
    with office.restored("rolled", "kept", branch="b1") as rolled:
        fill(rolled, later, "other")
        done = office.gathered(office.bundle(rolled))
    assert (done.finding, done.finding.wrong) == (Finding.ROLLED_BACK, True)
    assert f"it held {3 + later} records, and 8 at" in done.message
    assert office.rows() == before
    assert office.findings() == ["appended", "rolled_back"]


def test_what_is_refused_leaves_nothing_behind_and_the_others_are_gathered(office: Office, tmp_path: Path) -> None:
    with office.box("b1") as one, office.box("b2") as two, office.box("b3") as three:
        for box in (one, two, three):
            fill(box, 3)
        bundles = [office.bundle(each) for each in (one, two, three)]
        export_jsonl(one, tmp_path / "records.jsonl")
    (bundles[1] / "README.txt").write_text("other")
    (tmp_path / "text.zip").write_text("no zip")
    done = office.gather(*bundles, tmp_path / "records.jsonl", tmp_path / "text.zip", tmp_path / "nowhere.zip")
    assert sorted((each.bundle.name, str(each.finding)) for each in done) == [
        ("bundle-0", "appended"), ("bundle-1", "broken"), ("bundle-2", "appended"),
        ("nowhere.zip", "broken"), ("records.jsonl", "broken"), ("text.zip", "broken"),
    ]  # fmt: skip
    assert [len(office.rows(f"tellerbox/b{n}")) for n in (1, 2, 3)] == [3, 0, 3]
    assert len(office.copies.all()) == 2
    if Path(office.place).is_dir():
        assert len(list(Path(office.place).iterdir())) == 2
    assert office.problems() == [None, None]


def test_the_boxes_are_listed_the_silent_first(office: Office) -> None:
    for name, count in (("b1", 2), ("b2", 3)):
        with office.box(name) as box:
            fill(box, count)
            office.gather(office.bundle(box))
    one, two = fleet_status(office.copies, datetime(2030, 1, 1, tzinfo=UTC))
    assert [(each.branch, each.records, each.size, each.sealed) for each in (one, two)] == [("b1", 2, 2, 2), ("b2", 3, 3, 3)]
    assert one.days == (datetime(2030, 1, 1, tzinfo=UTC) - datetime.fromisoformat(one.made)).days
    assert one.made <= one.gathered
