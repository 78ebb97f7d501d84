"""The PyTorch version of benches/tables.rs: the same tables through pandas and PyTorch, on the same cores.

`cargo xtask fetch house-prices flights` downloads the data sets. Prints one JSON object per line: name and
seconds (best and median of several runs; per row for flights_predict), then name and megabytes of peak memory,
each measured in a process of its own (`--memory-of NAME`).
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import pandas as pd
import torch
from torch import nn

torch.manual_seed(0)

# Only benches whose name contains this are measured.
FILTER = sys.argv[1] if len(sys.argv) > 1 else ""


def folder(name):
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    places = [os.environ.get("TINDERBOX_DATA"), cache / "tinderbox", os.environ.get("TINDERBOX_MIRROR")]
    for place in filter(None, places):
        if (pathlib.Path(place) / name).is_dir():
            return pathlib.Path(place) / name
    sys.exit(f"no data set {name}; run: cargo xtask fetch {name}")


def measure(name, run, elements=1, seconds=4.0):
    if FILTER not in name:
        return
    run()  # warm up
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        before = time.perf_counter()
        run()
        times.append((time.perf_counter() - before) / elements)
    print(json.dumps({"name": name, "median": statistics.median(times), "best": min(times)}))
    sys.stdout.flush()


def house_prices():
    file = folder("house-prices") / "kaggle_house_pred_train.csv"

    def run():
        table = pd.read_csv(file, keep_default_na=False, na_values=["NA", ""])
        prices, table = table["SalePrice"], table.iloc[:, 1:-1]
        numeric = table.select_dtypes("number").columns
        table[numeric] = (table[numeric] - table[numeric].mean()) / table[numeric].std()
        table[numeric] = table[numeric].fillna(0)
        table = pd.get_dummies(table, dummy_na=True)
        features = torch.tensor(table.values.astype("float32"))
        return features, torch.tensor(prices.values.reshape(-1, 1), dtype=torch.float32)

    measure("tables/house_prices", run)


def flights_table():
    table = pd.read_parquet(folder("flights") / "flights-1m.parquet")
    features = pd.DataFrame(
        {
            "distance": table["distance"].astype("float32"),
            "hour": table["date"].dt.hour.astype("float32"),
            "weekday": table["date"].dt.dayofweek.astype("float32") + 1,
        }
    )
    features = (features - features.mean()) / features.std()
    airports = pd.get_dummies(table[["origin", "destination"]], dummy_na=True, dtype="float32")
    features = pd.concat([features, airports], axis=1)
    delay = table["delay"].clip(-30, 120).astype("float32")
    return torch.tensor(features.values), torch.tensor(delay.values).reshape(-1, 1)


def train(x, y, batch=1024):
    model = nn.Linear(x.shape[1], 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    loss_of = nn.MSELoss()
    order = torch.randperm(len(x))
    for start in range(0, len(x), batch):
        index = order[start : start + batch]
        optimizer.zero_grad()
        loss_of(model(x[index]), y[index]).backward()
        optimizer.step()
    return model


def predict(model):
    out = pathlib.Path(tempfile.gettempdir()) / "pandas-bench-predictions.csv"
    with torch.no_grad():
        predicted = model(flights_table()[0])
    pd.DataFrame({"delay": predicted[:, 0].numpy()}).to_csv(out, index=False)


def flights():
    measure("tables/flights_epoch", lambda: train(*flights_table()))
    if FILTER not in "tables/flights_predict":
        return
    model = train(*flights_table())
    measure("tables/flights_predict", lambda: predict(model), elements=1_000_000)


MEMORY = {
    "tables/flights_epoch memory": lambda: train(*flights_table()),
    # The model does not matter: it is not trained.
    "tables/flights_predict memory": lambda: predict(nn.Linear(flights_table()[0].shape[1], 1)),
}


def peak_megabytes():
    # Not ru_maxrss: a child starts with that of its parent.
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024


if FILTER == "--memory-of":
    MEMORY[sys.argv[2]]()
    print(json.dumps({"name": sys.argv[2], "megabytes": peak_megabytes()}))
else:
    house_prices()
    flights()
    if os.path.exists("/proc/self/status"):
        for name in filter(lambda name: FILTER in name, MEMORY):
            subprocess.run([sys.executable, __file__, "--memory-of", name], check=True)
