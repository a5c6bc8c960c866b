from pathlib import Path

import pytest

from scoring.code import code_files, content, digest, model_files, stage, training_files


def test_the_script_lies_at_the_top_and_the_package_beside_it():
    files = code_files("sensors")
    assert files["score.py"].name == "score.py"
    assert {name.split("/")[0] for name in files} == {"score.py", "scoring"}
    assert "scoring/sensors/model.py" in files


def test_the_code_holds_neither_training_nor_simulator_nor_another_problem():
    names = " ".join(code_files("sensors"))
    assert "train" not in names
    assert "simulator" not in names
    assert {name for name in code_files("sensors") if name.count("/") == 2} == {
        "scoring/sensors/__init__.py",
        "scoring/sensors/contract.py",
        "scoring/sensors/model.py",
    }


def test_a_training_job_has_the_scoring_code_and_what_trains_and_compares():
    more = training_files("plant").keys() - code_files("plant").keys()
    assert more == {
        "scoring/evaluate.py",
        "scoring/problems.py",
        "scoring/training.py",
        "scoring/plant/train.py",
    }


def test_a_problem_without_its_files_is_refused_by_name():
    with pytest.raises(FileNotFoundError, match=r"problem unheard: no file .*unheard.*contract.py"):
        code_files("unheard")


def test_a_folder_without_manifest_is_no_model_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json"):
        model_files(tmp_path)


def test_a_digest_has_16_hex_digits_and_depends_on_names_and_bytes():
    one = digest({"a.py": b"x", "b.bin": b"y"})
    assert len(one) == 16
    assert set(one) <= set("0123456789abcdef")
    assert digest({"b.bin": b"y", "a.py": b"x"}) == one
    others = [{"a.py": b"x"}, {"a.py": b"x", "b.bin": b"z"}, {"a.py": b"xy", "b.bin": b""}, {"a.py": b"x", "c": b"y"}]
    assert len({one, *map(digest, others)}) == 5


def test_line_endings_of_text_do_not_change_a_digest_those_of_data_do():
    assert digest({"a.py": b"x\r\n"}) == digest({"a.py": b"x\n"})
    assert digest({"a.bin": b"x\r\n"}) != digest({"a.bin": b"x\n"})
    assert content("a.asaql", b"x\r\n") == b"x\n"


def test_a_staged_folder_has_the_digest_of_its_files_and_nothing_of_before(tmp_path):
    folder = tmp_path / "code"
    (folder / "old").mkdir(parents=True)
    written = stage("sensors", folder)
    found: dict[str, Path] = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert found == written
    assert not (folder / "old").exists()
    assert digest(written) == digest(code_files("sensors"))
    assert [path.name for path in tmp_path.iterdir()] == ["code"]
