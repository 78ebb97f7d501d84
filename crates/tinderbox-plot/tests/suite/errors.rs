//! Mistakes of a user are typed errors that name the mistake.

use tinderbox_plot::{
    Image, Matrix, Plot, PlotError, Scale, Series, Spacing, Surface, bars, confusion_matrix,
    contour, curves, heat_map, histogram, image_grid, learning_rates, line, predicted_vs_actual,
    scatter, spark_bars, spark_histogram, sparkline,
};

#[test]
fn nothing_finite_is_an_error_in_every_chart() {
    let plot = Plot::default();
    let nan = f64::NAN;
    let hollow = [Series::new("hollow", [(0.0, nan), (f64::INFINITY, 1.0)])];
    let surface = Surface::from_fn((0.0, 1.0), (0.0, 1.0), |_, _| nan).expect("good ranges");
    let table = Matrix {
        rows: vec!["a".into()],
        columns: vec!["b".into()],
        values: vec![nan],
    };
    let results = [
        line(&plot, &[]),
        line(&plot, &hollow),
        curves(&plot, &[Series::by_epoch("empty", [])]),
        learning_rates(&plot, &[], Some(0.1)),
        scatter(&plot, &hollow, &[]),
        predicted_vs_actual(&plot, &[nan], &[1.0]),
        histogram(&plot, &[nan, f64::INFINITY], None),
        contour(&plot, &surface, (8, Spacing::Linear), &[]),
        heat_map(&plot, &table),
        confusion_matrix(&plot, &[""; 0], &[]),
        bars(&plot, &[("a", nan)]),
        bars(&plot, &[("", 0.0); 0]),
        image_grid("", &[], 3, 32),
        sparkline(&[]),
        spark_histogram(&[nan]),
        spark_bars(&[0, 0]),
    ];
    for (index, result) in results.into_iter().enumerate() {
        assert!(
            matches!(result, Err(PlotError::NothingToDraw { .. })),
            "{index}: {result:?}"
        );
    }
}

#[test]
fn lists_that_belong_together_have_one_length() {
    let mismatch = |expected: usize, got: usize, error: PlotError| {
        let matches = matches!(&error, PlotError::LengthMismatch { expected: e, got: g, .. } if (*e, *g) == (expected, got));
        assert!(matches, "{error}");
    };
    let plot = Plot::default();
    mismatch(2, 1, Series::from_xy("a", &[1.0, 2.0], &[1.0]).unwrap_err());
    mismatch(
        1,
        2,
        predicted_vs_actual(&plot, &[1.0], &[1.0, 2.0]).unwrap_err(),
    );
    mismatch(
        2,
        1,
        confusion_matrix(&plot, &["a", "b"], &[vec![1, 2]]).unwrap_err(),
    );
    mismatch(
        2,
        3,
        confusion_matrix(&plot, &["a", "b"], &[vec![1, 2], vec![1, 2, 3]]).unwrap_err(),
    );
    let table = Matrix {
        rows: vec!["a".into()],
        columns: vec!["b".into()],
        values: vec![1.0, 2.0],
    };
    mismatch(1, 2, heat_map(&plot, &table).unwrap_err());
    mismatch(
        784,
        783,
        Image::gray("", (28, 28), vec![0; 783]).unwrap_err(),
    );
    mismatch(
        3072,
        1024,
        Image::rgb("", (32, 32), vec![0; 1024]).unwrap_err(),
    );
    mismatch(
        6,
        5,
        Surface::from_grid((0.0, 1.0), (0.0, 1.0), 2, vec![0.0; 5]).unwrap_err(),
    );
}

#[test]
fn settings_that_cannot_be_drawn_are_refused() {
    let series = [Series::by_epoch("a", [1.0, 2.0])];
    let sized = |width, height| {
        line(
            &Plot {
                width,
                height,
                ..Plot::new("t").labels("x", "y")
            },
            &series,
        )
    };
    assert!(matches!(
        sized(0, 400),
        Err(PlotError::Size { width: 0, .. })
    ));
    assert!(matches!(
        sized(640, 4_000_000_000),
        Err(PlotError::Size { .. })
    ));
    assert!(matches!(sized(40, 40), Err(PlotError::Setting { .. })));
    for range in [
        (1.0, 1.0),
        (2.0, 1.0),
        (f64::NAN, 1.0),
        (0.0, f64::INFINITY),
    ] {
        let plot = Plot {
            y_range: Some(range),
            ..Plot::default()
        };
        assert!(
            matches!(
                line(&plot, &series),
                Err(PlotError::Setting {
                    what: "y_range",
                    ..
                })
            ),
            "{range:?}"
        );
        assert!(
            matches!(
                Surface::from_fn(range, (0.0, 1.0), |x, _| x),
                Err(PlotError::Setting { .. })
            ),
            "{range:?}"
        );
    }
    assert!(matches!(
        histogram(&Plot::default(), &[1.0], Some(0)),
        Err(PlotError::Setting { what: "bins", .. })
    ));
    assert!(matches!(
        Image::gray("", (0, 3), vec![]),
        Err(PlotError::Setting { .. })
    ));
    let image = Image::gray("", (1, 1), vec![0]).expect("one pixel");
    assert!(matches!(
        image_grid("", &[image], 0, 32),
        Err(PlotError::Setting { .. })
    ));
}

#[test]
fn a_message_says_what_and_what_to_do() {
    let error = Series::from_xy("train", &[1.0, 2.0], &[1.0]).unwrap_err();
    insta::assert_snapshot!(
        error,
        @r#"y values of "train": expected 2 values, got 1; give as many as there are elements"#
    );
}

#[test]
fn no_value_however_odd_makes_a_chart_fail() {
    let odd = [
        0.0,
        -0.0,
        1e-310,
        -1e-310,
        f64::MIN_POSITIVE,
        1e9,
        1e9 + 1e-7,
        f64::MAX,
        f64::MIN,
        1e300,
        f64::NAN,
        f64::INFINITY,
    ];
    for (i, &a) in odd.iter().enumerate() {
        for &b in &odd[..=i] {
            let values = [a, b, 1.0];
            let points: Vec<_> = values
                .iter()
                .flat_map(|x| values.map(|y| (*x, y)))
                .collect();
            let series = [Series::new("odd", points.clone())];
            let table = Matrix {
                rows: vec!["row".into()],
                columns: vec!["x".into(), "y".into(), "z".into()],
                values: values.into(),
            };
            let named = [("a", a), ("b", b), ("c", 1.0)];
            let surface =
                Surface::from_grid((0.0, 1.0), (0.0, 1.0), 2, vec![a, b, 1.0, 0.5]).expect("2 x 2");
            for scale in [Scale::Auto, Scale::Linear, Scale::Log] {
                for range in [None, Some((-1.0, 2.0))] {
                    let plot = Plot {
                        x_scale: scale,
                        y_scale: scale,
                        x_range: range,
                        y_range: range,
                        ..Plot::new("odd")
                    };
                    let figures = [
                        line(&plot, &series),
                        curves(&plot, &series),
                        scatter(&plot, &series, &series),
                        learning_rates(&plot, &points, Some(a)),
                        histogram(&plot, &values, None),
                        bars(&plot, &named),
                        heat_map(&plot, &table),
                        contour(&plot, &surface, (9, Spacing::Linear), &series),
                        contour(&plot, &surface, (9, Spacing::Log), &series),
                        sparkline(&values),
                        spark_histogram(&values),
                    ];
                    for (kind, figure) in figures.into_iter().enumerate() {
                        let svg = figure
                            .unwrap_or_else(|error| panic!("{kind}: {a} {b} {scale:?}: {error}"));
                        for number in ["NaN,", ",NaN", "inf,", "2147483647"] {
                            assert!(
                                !svg.contains(number),
                                "{kind}: {a} {b} {scale:?}: {number} in {svg}"
                            );
                        }
                    }
                }
            }
        }
    }
}
