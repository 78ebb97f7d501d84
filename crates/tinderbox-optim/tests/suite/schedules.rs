use crate::common::*;
use tinderbox_optim::{Plateau, PlateauConfig, RateSchedule, Schedule};

#[test]
fn every_schedule_of_pytorch_gives_pytorchs_rates() {
    let cases = reference("schedules.json");
    assert_eq!(cases.len(), 11);
    for case in cases {
        let schedule: Schedule = serde_json::from_value(case["config"].clone()).unwrap();
        schedule.check().unwrap();
        let expected = numbers(&case["rates"]);
        assert!(expected.len() >= 37);
        let rates = schedule.curve(expected.len(), case["base"].as_f64().unwrap());
        assert_close(&rates, &expected, 1e-12, &format!("{schedule:?}"));
    }
}

#[test]
fn a_plateau_cuts_where_pytorchs_does() {
    let cases = reference("plateaus.json");
    assert_eq!(cases.len(), 6);
    for case in cases {
        let config: PlateauConfig = serde_json::from_value(case["config"].clone()).unwrap();
        let mut plateau = Plateau::new(config).unwrap();
        let rates: Vec<f64> = numbers(&case["metrics"])
            .into_iter()
            .map(|metric| {
                plateau.observe(metric);
                plateau.rate(case["base"].as_f64().unwrap())
            })
            .collect();
        assert_close(
            &rates,
            &numbers(&case["rates"]),
            1e-12,
            &case["config"].to_string(),
        );
        assert!(plateau.cuts() > 0);
    }
}

/// The configuration sets whether steps or epochs are counted.
#[test]
fn what_is_counted_is_explicit() {
    let halved = Schedule::step(2, 0.5);
    let json = r#"{"per": "step", "schedule": {"name": "step", "size": 2, "gamma": 0.5}}"#;
    let steps: RateSchedule = serde_json::from_str(json).unwrap();
    assert_eq!(steps, RateSchedule::per_step(halved.clone()));
    let epochs = RateSchedule::per_epoch(halved);
    // Ten steps per epoch; step 25 is in epoch 2.
    assert_eq!(epochs.rate(25, 2, 1.0), 0.5);
    assert_eq!(steps.rate(5, 0, 1.0), 0.25);
}
