"""`train` as a command, apart from what it learns."""

from sr_core.cli import main
from sr_core.commands.work import train as trainer


def test_two_runs_do_not_share_a_folder(tmp_path, monkeypatch, capsys):
    kind, _ = trainer.STAGES["diffusion"]
    words = ["train", "diffusion", str(tmp_path), "-o", str(tmp_path / "run")]
    codes = []

    def stage(data, output, *_):
        if not codes:
            codes.append(main(words))
        return output / "model.safetensors"

    monkeypatch.setitem(trainer.STAGES, "diffusion", (kind, stage))
    assert main(words) == 0 and codes == [2]
    assert "is being written by another process" in capsys.readouterr().err
    assert not list((tmp_path / "run").iterdir())
    assert main(words) == 0
