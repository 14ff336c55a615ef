"""`carecordon rules`."""
import typer
app = typer.Typer()
@app.command("list")
def list_rules() -> None: ...
