"""The names that a Forge offers."""

from worker.forge_lists import Model, models, texts

ODD = "E\0", "\ud800", "", 5, None


def test_a_name_that_nobody_could_store_is_passed_over() -> None:
    assert texts([{"name": name} for name in ("Euler", *ODD, "DPM++ 2M")], "name") == ("Euler", "DPM++ 2M")


def test_a_model_goes_by_its_name_where_its_title_is_none() -> None:
    records = [{"model_name": "flux", "title": title} for title in ODD] + [{"model_name": name} for name in ODD]
    assert models(records) == (Model("flux", "flux"),) * len(ODD)
