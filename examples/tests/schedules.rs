//! Every kind of schedule has its curve.

use std::collections::BTreeSet;

#[allow(dead_code)] // `main`
#[path = "../schedules.rs"]
mod schedules;

#[test]
fn every_kind_is_drawn() {
    let curves = schedules::course().into_iter().chain(schedules::beyond());
    let text: String = curves.map(|(_, _, shape)| format!("{shape:?} ")).collect();
    let drawn: BTreeSet<&str> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .collect();
    for kind in [
        "Constant",
        "Step",
        "MultiStep",
        "Factor",
        "Polynomial",
        "PolynomialDecay",
        "SquareRoot",
        "Linear",
        "Cosine",
        "Warmup",
        "OneCycle",
        "WarmRestarts",
        "Chain",
    ] {
        assert!(drawn.contains(kind), "{kind} has no curve");
    }
    let names = schedules::course().into_iter().chain(schedules::beyond());
    let names: Vec<&str> = names.map(|(name, _, _)| name).collect();
    let different: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "each has a file of its own");
}
