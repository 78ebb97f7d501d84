use super::*;
use proptest::prelude::*;

/// A bowl with its minimum at x = 1, and noise that shrinks with the budget.
fn bowl(trial: &Trial<'_>) -> Result<f64, StepError> {
    let distance = trial.settings.number("x")?.ln().powi(2);
    Ok(distance + 0.01 * trial.seed.rng().normal() / trial.budget as f64)
}

fn space() -> Space {
    Space::new()
        .log_uniform("x", 0.01, 100.0)
        .choice("kind", ["a", "b"])
}

const HALVING: SearchStrategy = SearchStrategy::SuccessiveHalving {
    trials: 27,
    min_budget: 1,
    max_budget: 9,
    factor: 3,
};

#[test]
fn halving_gives_more_to_fewer() {
    let report = Search::new(HALVING).run(&space(), bowl).unwrap();
    let of = |budget| report.records.iter().filter(|r| r.budget == budget).count();
    assert_eq!((of(1), of(3), of(9), report.records.len()), (27, 9, 3, 39));
    // Those that continue are the best of their round.
    let worst = |budget| {
        let scores = report
            .records
            .iter()
            .filter(|r| r.budget == budget)
            .map(|r| r.settings.number("x").unwrap().ln().abs());
        scores.fold(0.0, f64::max)
    };
    assert!(worst(9) <= worst(3) && worst(3) < worst(1));
    assert_eq!(report.best().budget, 9);
    assert_eq!(report.ranking().len(), 27);
}

/// Except for measured times, a result is a pure function of space, strategy and seed.
#[test]
fn threads_change_nothing() {
    let results = [1, 2, 7].map(|threads| {
        let search = Search {
            threads,
            runs: 3,
            ..Search::new(HALVING)
        };
        let report = search.run(&space(), bowl).unwrap();
        let records = report.records.into_iter();
        records
            .map(|r| (r.number, r.settings, r.budget, r.scores, r.score))
            .collect::<Vec<_>>()
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn runs_have_seeds_of_their_own_and_settings_share_them() {
    let search = Search {
        runs: 2,
        ..Search::new(SearchStrategy::Random {
            trials: 3,
            budget: 1,
        })
    };
    let report = search
        .run(&space(), |trial| Ok(trial.seed.rng().uniform()))
        .unwrap();
    let scores = &report.records[0].scores;
    assert_ne!(scores[0], scores[1]);
    assert!(report.records.iter().all(|record| record.scores == *scores));
    assert_eq!(report.best().score, Some((scores[0] + scores[1]) / 2.0));
}

#[test]
fn starting_points_are_tried_first_and_must_lie_in_the_space() {
    let good = Settings::default().with("x", 1.0).with("kind", "a");
    let mut search = Search::new(SearchStrategy::Random {
        trials: 5,
        budget: 1,
    });
    search.first = vec![good.clone()];
    let report = search
        .run(&space(), |t| Ok(t.settings.number("x")?.ln().abs()))
        .unwrap();
    assert_eq!((report.records.len(), report.best().number), (5, 0));
    assert_eq!(report.best().settings, good);
    for (bad, message) in [
        (good.clone().with("x", 1000.0), "it lies outside"),
        (good.clone().with("kind", "c"), "it lies outside"),
        (good.clone().with("y", 1.0), "no such setting"),
        (Settings::default().with("x", 1.0), "'kind'"),
    ] {
        search.first = vec![bad];
        let error = search.run(&space(), bowl).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn failures_are_ranked_last_and_explained() {
    let search = Search {
        mode: MonitorMode::Maximize,
        ..Search::new(HALVING)
    };
    let report = search.run(&space(), |trial| match trial.settings.text("kind")? {
        "a" => Err("the loss is NaN | of course".into()),
        _ => bowl(trial),
    });
    let report = report.unwrap();
    assert_eq!(report.best().settings.text("kind").unwrap(), "b");
    let ranking = report.ranking();
    let last = ranking.last().unwrap();
    assert_eq!(last.error.as_deref(), Some("the loss is NaN | of course"));
    let table = report.to_markdown();
    assert!(table.contains("| the loss is NaN   of course |"), "{table}");
    assert_eq!(table.lines().count(), 2 + 27);
    let bars = report.plot("kind").unwrap();
    assert!(bars.contains("<svg"), "{bars}");
}

/// All of a report but the measured times.
fn found(report: SearchReport) -> Vec<TrialRecord> {
    let records = report.records.into_iter();
    records
        .map(|record| TrialRecord {
            seconds: 0.0,
            ..record
        })
        .collect()
}

/// A bowl in which one trial in three fails.
fn rough(trial: &Trial<'_>) -> Result<f64, StepError> {
    match trial.number % 3 {
        1 => Err("a third".into()),
        _ => bowl(trial),
    }
}

fn kept(folder: &std::path::Path) -> Search {
    Search {
        runs: 2,
        threads: 2,
        file: Some(folder.join("trials.jsonl")),
        data: "bowl".into(),
        ..Search::new(SearchStrategy::SuccessiveHalving {
            trials: 6,
            min_budget: 1,
            max_budget: 9,
            factor: 3,
        })
    }
}

#[test]
fn a_search_killed_at_any_byte_ends_as_if_it_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut search = kept(folder.path());
    let whole = found(search.run(&space(), rough).unwrap());
    let file = search.file.clone().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let runs = whole.len() * search.runs;
    assert_eq!(bytes.split(|&byte| byte == b'\n').count() - 1, 1 + runs);
    // A second search would mix the two.
    let error = search.run(&space(), rough).unwrap_err();
    assert!(matches!(error, TrainError::RunExists { .. }), "{error}");

    search.resume = true;
    let ends = (0..bytes.len()).step_by(211).chain([bytes.len()]);
    for end in ends {
        std::fs::write(&file, &bytes[..end]).unwrap();
        let lines = bytes[..end].iter().filter(|&&byte| byte == b'\n').count();
        let trained = AtomicUsize::new(0);
        let counting = |trial: &Trial<'_>| {
            trained.fetch_add(1, Ordering::Relaxed);
            rough(trial)
        };
        assert_eq!(
            found(search.run(&space(), counting).unwrap()),
            whole,
            "{end}"
        );
        // The first line describes the search, every other line is a run.
        let missing = runs - lines.saturating_sub(1);
        assert_eq!(trained.into_inner(), missing, "{end}");
        let lines = std::fs::read(&file).unwrap();
        let lines = lines.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(lines, 1 + runs, "{end}");
    }
}

#[test]
fn more_trials_may_be_asked_for_and_the_old_ones_are_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let random = |trials| SearchStrategy::Random { trials, budget: 4 };
    let mut search = Search {
        strategy: random(5),
        ..kept(folder.path())
    };
    search.run(&space(), bowl).unwrap();
    search.strategy = random(8);
    search.resume = true;
    let trained = Mutex::new(Vec::new());
    let report = search.run(&space(), |trial| {
        trained.lock().unwrap().push(trial.number);
        bowl(trial)
    });
    let mut trained = trained.into_inner().unwrap();
    trained.sort();
    assert_eq!(trained, [5, 5, 6, 6, 7, 7]);
    search.file = None;
    let anew = search.run(&space(), bowl).unwrap();
    assert_eq!(found(report.unwrap()), found(anew));
}

#[test]
fn another_search_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path()).run(&space(), bowl).unwrap();
    let search = Search {
        resume: true,
        ..kept(folder.path())
    };
    let refused = |search: &Search, space: &Space| {
        let error = search.run(space, |_| panic!("nothing is trained"));
        error.unwrap_err().to_string()
    };
    let other = Search {
        seed: Seed::new(1),
        data: "another bowl".into(),
        ..search.clone()
    };
    let error = refused(&other, &space());
    assert!(
        error.contains("differs in the seed and the data;"),
        "{error}"
    );
    assert!(error.contains("trials.jsonl"), "{error}");
    let error = refused(&search, &space().uniform("y", 0.0, 1.0));
    assert!(error.contains("differs in the space;"), "{error}");
    let file = search.file.clone().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let damaged = text.replacen("\"budget\"", "\"bud", 1);
    std::fs::write(&file, damaged).unwrap();
    let error = refused(&search, &space());
    assert!(
        error.contains("trials.jsonl, line 2: it is damaged"),
        "{error}"
    );
}

#[test]
fn a_search_that_is_stopped_says_what_it_has_and_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let mut search = kept(folder.path());
    search.threads = 1;
    let whole = Search {
        file: None,
        ..search.clone()
    };
    let whole = whole.run(&space(), bowl).unwrap();
    let stop = search.stop.clone();
    let error = search.run(&space(), |trial| {
        if trial.number == 2 {
            stop.stop(); // in the fifth run, which may be an incomplete training run
        }
        bowl(trial)
    });
    let error = error.unwrap_err();
    assert!(
        matches!(&error, TrainError::SearchInterrupted { done: 4, .. }),
        "{error}"
    );
    let advice = format!("--resume --out {}", folder.path().display());
    assert!(error.to_string().contains(&advice), "{error}");
    search.stop = StopFlag::new();
    search.resume = true;
    assert_eq!(found(search.run(&space(), bowl).unwrap()), found(whole));
}

#[test]
fn a_search_in_which_all_fails_says_why() {
    let error = Search::new(HALVING)
        .run(&space(), |_| Ok(f64::NAN))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("27") && error.contains("the score is NaN"),
        "{error}"
    );
}

#[test]
fn counts_that_make_no_search_are_refused() {
    let halving = |trials, min_budget, max_budget, factor| SearchStrategy::SuccessiveHalving {
        trials,
        min_budget,
        max_budget,
        factor,
    };
    let strategies = [
        SearchStrategy::Random {
            trials: 0,
            budget: 1,
        },
        SearchStrategy::Random {
            trials: 1,
            budget: 0,
        },
        halving(9, 4, 2, 3),
        halving(9, 1, 9, 1),
    ];
    for strategy in strategies {
        assert!(
            Search::new(strategy).run(&space(), bowl).is_err(),
            "{strategy:?}"
        );
    }
    let no_runs = Search {
        runs: 0,
        ..Search::new(HALVING)
    };
    assert!(
        no_runs
            .run(&space(), bowl)
            .unwrap_err()
            .to_string()
            .contains("at least 1")
    );
}

#[test]
fn reports_are_tables_files_and_figures() {
    let report = Search::new(HALVING).run(&space(), bowl).unwrap();
    let csv = report.to_csv();
    assert_eq!(
        csv.lines().next(),
        Some("trial,x,kind,budget,score,seconds,error")
    );
    assert_eq!(csv.lines().count(), 1 + 39);
    let figure = report.plot("x").unwrap();
    assert!(figure.contains("budget 1") && figure.contains("budget 9"));
    let error = report.plot("z").unwrap_err().to_string();
    assert!(error.contains("the space has: x, kind"), "{error}");
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<SearchReport>(&text).unwrap(), report);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn budgets_end_at_the_most(trials in 1usize..40, min_budget in 1usize..5, rounds in 0u32..4, factor in 2usize..5) {
        let max_budget = min_budget * factor.pow(rounds);
        let strategy = SearchStrategy::SuccessiveHalving { trials, min_budget, max_budget, factor };
        let report = Search::new(strategy).run(&space(), bowl).unwrap();
        prop_assert_eq!(report.best().budget, max_budget);
        prop_assert_eq!(report.ranking().len(), trials);
    }
}
