"""`carecordon bench`."""
import typer
app = typer.Typer()
@app.command("detect")
def detect() -> None: ...
