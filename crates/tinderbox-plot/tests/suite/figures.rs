//! Every kind of figure, with usual and with extreme data.
//!
//! `TINDERBOX_FIGURES=folder cargo test -p tinderbox-plot --test suite figures` also writes them to
//! a folder, for inspection.

use crate::xml;
use tinderbox_plot::{
    Image, Matrix, Plot, PlotError, Scale, Series, Spacing, Surface, bars, confusion_matrix,
    contour, curves, heat_map, histogram, image_grid, learning_rates, line, predicted_vs_actual,
    scatter, spark_bars, spark_histogram, sparkline,
};

type Figures = Vec<(&'static str, Result<String, PlotError>)>;

/// The same numbers every time, evenly spread between 0 and 1.
fn spread(index: usize) -> f64 {
    (index as f64 * 0.618_033_988_749_895).fract()
}

/// Normal numbers by Box and Muller.
fn normal(index: usize) -> f64 {
    let radius = (-2.0 * (1.0 - spread(index)).ln()).sqrt();
    radius * (std::f64::consts::TAU * (index as f64 * 0.754_877_666_2).fract()).cos()
}

fn named(count: usize, name: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(name).collect()
}

fn line_figures() -> Figures {
    let density = |mean: f64, deviation: f64| {
        Series::function(
            format!("mean {mean}, deviation {deviation}"),
            (-7.0, 7.0),
            281,
            move |x| {
                (-0.5 * ((x - mean) / deviation).powi(2)).exp()
                    / (deviation * (2.0 * std::f64::consts::PI).sqrt())
            },
        )
    };
    let long = "validation of a run with a name that was generated from all of its settings";
    let many: Vec<_> = (0..40)
        .map(|k| {
            Series::function(format!("series number {k}"), (0.0, 6.0), 50, move |x| {
                (x + 0.2 * k as f64).sin()
            })
        })
        .collect();
    let loss = |rate: f64| 1.0 / (1.0 + 300.0 * rate) + (rate * 3.0).powi(3) + 0.3;
    let rates: Vec<_> = (0..100)
        .map(|i| 10f64.powf(-6.0 + 6.0 * f64::from(i) / 99.0))
        .map(|r| (r, loss(r)))
        .collect();
    let history: Vec<f64> = (0..200_000)
        .map(|i| (-(i as f64) / 40_000.0).exp() + 0.1 * spread(i))
        .collect();
    vec![
        ("curves", curves(
            &Plot::new("Airfoil, minibatch SGD").labels("epoch", "squared loss"),
            &[
                Series::by_epoch("train", (0..40).map(|e| 0.9 * (-0.2 * f64::from(e)).exp() + 0.24)),
                Series::by_epoch("validation", (0..40).map(|e| 1.1 * (-0.18 * f64::from(e)).exp() + 0.27)),
            ],
        )),
        ("curves_log", curves(
            &Plot::new("Synthetic data").labels("epoch", "squared loss"),
            &[
                Series::by_epoch("train", (0..10).map(|e| 10f64.powf(-0.55 * f64::from(e)))),
                Series::by_epoch("validation", (0..10).map(|e| if e == 4 { f64::NAN } else { 2.0 * 10f64.powf(-0.52 * f64::from(e)) })),
            ],
        )),
        ("curves_one_epoch", curves(
            &Plot::new("One epoch").labels("epoch", "loss"),
            &[Series::by_epoch("train", [0.5]), Series::by_epoch("validation", [0.5])],
        )),
        ("curves_long", line(
            &Plot::new("200,000 steps").labels("step", "loss"), &[Series::by_epoch("train", history)],
        )),
        ("tangent", line(
            &Plot::new("f and its tangent at 1").labels("x", "f(x)"),
            &[
                Series::function("f(x) = 3x² − 4x", (0.0, 3.0), 61, |x| 3.0 * x * x - 4.0 * x),
                Series::function("tangent 2x − 3", (0.0, 3.0), 2, |x| 2.0 * x - 3.0),
            ],
        )),
        ("densities", line(
            &Plot::new("Normal densities").labels("x", "p(x)"),
            &[density(0.0, 1.0), density(0.0, 2.0), density(3.0, 1.0)],
        )),
        ("many_series", line(&Plot::new("Forty series").labels("x", "y"), &many)),
        ("ugly_texts", line(
            &Plot::new("A title <so long> that \"no\" figure & no page of any width has room for all of its words")
                .labels("an axis whose name goes on and on, with units (m/s), and then some more until it does not fit",
                    "a vertical axis whose name is longer than the axis itself is high, by far"),
            &[
                Series::new(long, [(0.0, 1e9), (1.0, 1e9 + 0.25), (2.0, 1e9 + 0.5)]),
                Series::new("测试误差与训练误差", [(0.0, 1e9 + 0.4), (1.0, f64::NAN), (2.0, 1e9 + 0.1)]),
            ],
        )),
        ("huge", line(
            &Plot::new("Huge and tiny").labels("tiny", "huge"),
            &[Series::new("diverges", (0..30).map(|i| (f64::from(i) * 1e-9, -(-3f64).powi(i) * 1e10)))],
        )),
        ("all_equal", line(&Plot::new("All equal").labels("step", "rate"), &[Series::by_epoch("rate", [0.03; 20])])),
        ("zero_on_log", curves(
            &Plot { y_scale: Scale::Log, ..Plot::new("Zero on a log axis").labels("epoch", "error") },
            &[Series::by_epoch("error", [1.0, 0.1, 0.01, 0.0])],
        )),
        ("zoomed", line(
            &Plot { x_range: Some((-1.0, 1.0)), y_range: Some((-3.0, 3.0)), ..Plot::new("1/x, cut").labels("x", "1/x") },
            &[Series::function("1/x", (-2.0, 2.0), 401, |x| 1.0 / x)],
        )),
        ("small", curves(
            &Plot { width: 280, height: 180, ..Plot::new("Small").labels("epoch", "loss") },
            &[Series::by_epoch("train", [0.9, 0.5, 0.3]), Series::by_epoch("validation", [0.8, 0.6, 0.5])],
        )),
        ("learning_rates", learning_rates(
            &Plot::new("Learning-rate search").labels("learning rate", "smoothed loss"), &rates, Some(0.012),
        )),
    ]
}

fn cloud_figures() -> Figures {
    let xs: Vec<f64> = (0..300).map(|i| 4.0 * spread(i) - 2.0).collect();
    let ys: Vec<f64> = xs
        .iter()
        .enumerate()
        .map(|(i, x)| 2.0 * x + 4.2 + 0.5 * normal(i + 7))
        .collect();
    let actual: Vec<f64> = (0..50_000).map(|i| 120.0 + 7.0 * normal(i)).collect();
    let predicted: Vec<f64> = actual
        .iter()
        .enumerate()
        .map(|(i, y)| 60.0 + 0.5 * y + 2.0 * normal(i + 11))
        .collect();
    let normals: Vec<f64> = (0..5000).map(normal).collect();
    vec![
        (
            "scatter",
            scatter(
                &Plot::new("y = 2x + 4.2 with noise").labels("x", "y"),
                &[Series::from_xy("examples", &xs, &ys).expect("same length")],
                &[Series::function("fitted", (-2.0, 2.0), 2, |x| {
                    2.0 * x + 4.2
                })],
            ),
        ),
        (
            "scatter_one",
            scatter(
                &Plot::new("One point").labels("x", "y"),
                &[Series::new("one", [(3.7, -2.1)])],
                &[],
            ),
        ),
        (
            "predicted",
            predicted_vs_actual(
                &Plot::new("Airfoil: sound pressure (dB)"),
                &actual,
                &predicted,
            ),
        ),
        (
            "histogram",
            histogram(
                &Plot::new("5,000 normal numbers").labels("value", ""),
                &normals,
                None,
            ),
        ),
        (
            "histogram_equal",
            histogram(
                &Plot::new("All equal").labels("value", ""),
                &[3.0; 12],
                None,
            ),
        ),
        (
            "histogram_wide",
            histogram(
                &Plot::new("One outlier").labels("value", ""),
                &[1.0, 2.0, 3.0, 4.0, 1e12],
                None,
            ),
        ),
    ]
}

fn surface_figures() -> Figures {
    let bowl = |x: f64, y: f64| x * x + 2.0 * y * y;
    let descent = |rate: f64, steps: usize| {
        let mut at = (-5.0, -2.0);
        std::iter::once(at)
            .chain(
                (0..steps)
                    .map(|_| {
                        at = (at.0 - rate * 2.0 * at.0, at.1 - rate * 4.0 * at.1);
                        at
                    })
                    .collect::<Vec<_>>(),
            )
            .collect::<Vec<_>>()
    };
    let rosenbrock = |x: f64, y: f64| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
    let bowl = Surface::from_fn((-5.5, 1.0), (-3.0, 1.0), bowl).expect("good ranges");
    let valley = Surface::from_fn((-1.5, 1.5), (-0.5, 2.0), rosenbrock).expect("good ranges");
    let partly =
        Surface::from_fn((0.0, 1.0), (-1.0, 1.0), |x, y| (x * y).ln()).expect("good ranges");
    vec![
        (
            "contour",
            contour(
                &Plot::new("Gradient descent on x² + 2y²").labels("x", "y"),
                &bowl,
                (10, Spacing::Linear),
                &[Series::new("rate 0.1", descent(0.1, 20))],
            ),
        ),
        (
            "contour_paths",
            contour(
                &Plot::new("Three rates").labels("x", "y"),
                &bowl,
                (12, Spacing::Log),
                &[
                    Series::new("too small", descent(0.01, 20)),
                    Series::new("right", descent(0.2, 20)),
                    Series::new("too large, diverges", descent(0.52, 60)),
                ],
            ),
        ),
        (
            "contour_log",
            contour(
                &Plot::new("Rosenbrock").labels("x", "y"),
                &valley,
                (14, Spacing::Log),
                &[],
            ),
        ),
        (
            "contour_partly",
            contour(
                &Plot::new("log(xy)").labels("x", "y"),
                &partly,
                (8, Spacing::Linear),
                &[],
            ),
        ),
    ]
}

fn table_figures() -> Figures {
    let classes = [
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ];
    let counts: Vec<Vec<u64>> = (0..10)
        .map(|i| {
            (0..10)
                .map(|j| {
                    if i == j {
                        850 + 10 * i
                    } else {
                        (spread((i * 10 + j) as usize) * 40.0) as u64
                    }
                })
                .collect()
        })
        .collect();
    let large = Matrix {
        rows: named(60, |i| format!("row {i}")),
        columns: named(60, |i| format!("column {i}")),
        values: (0..3600)
            .map(|i| ((i % 60) as f64 * 0.1).sin() * ((i / 60) as f64 * 0.1).cos())
            .collect(),
    };
    let small = Matrix {
        rows: named(3, |i| format!("rate {}", 10f64.powi(-(i as i32)))),
        columns: named(4, |i| format!("batch {}", 16 << i)),
        values: vec![
            0.5,
            -0.25,
            f64::NAN,
            1e-7,
            123_456.0,
            3.0,
            2.0,
            1.0,
            0.1,
            0.2,
            0.3,
            0.4,
        ],
    };
    let importance: Vec<(String, f64)> = [
        ("frequency", 0.81),
        ("angle of attack", 0.33),
        ("chord length", 0.42),
        ("free-stream velocity", 0.12),
        (
            "suction-side displacement thickness at the trailing edge of the airfoil",
            0.55,
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let weights: Vec<(String, f64)> = (0..30)
        .map(|i| (format!("feature {i}"), 100.0 * normal(i + 3)))
        .collect();
    vec![
        (
            "confusion",
            confusion_matrix(
                &Plot {
                    width: 640,
                    height: 560,
                    ..Plot::new("Fashion-MNIST, ResNet-18")
                },
                &classes,
                &counts,
            ),
        ),
        (
            "heat_map",
            heat_map(
                &Plot::new("Validation error").labels("batch size", "learning rate"),
                &small,
            ),
        ),
        (
            "heat_map_large",
            heat_map(&Plot::new("60 x 60").labels("key", "query"), &large),
        ),
        (
            "heat_map_one",
            heat_map(
                &Plot::new("One cell"),
                &Matrix {
                    rows: vec!["a".into()],
                    columns: vec!["b".into()],
                    values: vec![5.0],
                },
            ),
        ),
        (
            "bars",
            bars(
                &Plot {
                    height: 200,
                    ..Plot::new("Permutation importance").labels("increase of the error", "")
                },
                &importance,
            ),
        ),
        (
            "bars_negative",
            bars(&Plot::new("Weights").labels("weight", ""), &weights),
        ),
        (
            "bars_tiny",
            bars(
                &Plot {
                    height: 160,
                    ..Plot::new("All negative and tiny")
                },
                &[("a", -1e-9), ("b", -3e-9), ("c", f64::NAN), ("d", 0.0)],
            ),
        ),
    ]
}

fn image_figures() -> Figures {
    let gray = |k: usize| {
        let pixel = |i: usize| {
            let (x, y) = ((i % 28) as f64 - 13.5, (i / 28) as f64 - 13.5);
            if (x.hypot(y) - 4.0 - 0.4 * k as f64).abs() < 2.0 {
                255
            } else {
                (i % 28) as u8 * 3
            }
        };
        Image::gray(
            ["ankle boot", "T-shirt/top", "pullover"][k % 3],
            (28, 28),
            (0..784).map(pixel).collect(),
        )
        .expect("28 x 28")
    };
    let color = |k: usize| {
        let sample = |i: usize| (i * (k + 3) / 7 % 256) as u8;
        Image::rgb(
            format!("frog, taken for an automobile {k}"),
            (48, 32),
            (0..48 * 32 * 3).map(sample).collect(),
        )
        .expect("48 x 32")
    };
    vec![
        (
            "images",
            image_grid(
                "Fashion-MNIST",
                &(0..18).map(gray).collect::<Vec<_>>(),
                9,
                72,
            ),
        ),
        (
            "images_colour",
            image_grid("", &(0..5).map(color).collect::<Vec<_>>(), 3, 96),
        ),
        (
            "sparkline",
            sparkline(
                &(0..60)
                    .map(|i| (-0.05 * f64::from(i)).exp() + 0.1 * spread(i as usize))
                    .collect::<Vec<_>>(),
            ),
        ),
        ("sparkline_one", sparkline(&[f64::NAN, 4.0, f64::NAN])),
        (
            "spark_histogram",
            spark_histogram(&(0..900).map(normal).collect::<Vec<_>>()),
        ),
        ("spark_bars", spark_bars(&[120, 60, 3, 0, 1])),
    ]
}

fn all() -> Figures {
    [
        line_figures(),
        cloud_figures(),
        surface_figures(),
        table_figures(),
        image_figures(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_figure_is_a_well_formed_document_without_broken_numbers() {
    let folder = std::env::var_os("TINDERBOX_FIGURES").map(std::path::PathBuf::from);
    for (name, figure) in all() {
        let svg = figure.unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).expect("the folder can be made");
            std::fs::write(folder.join(name).with_extension("svg"), &svg)
                .expect("the folder can be written to");
        }
        let elements = xml::elements(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(elements[0].name, "svg", "{name}");
        for element in &elements {
            for (attribute, value) in &element.attributes {
                let text = matches!(attribute.as_str(), "aria-label" | "href");
                assert!(
                    text || !(value.contains("NaN") || value.contains("inf")),
                    "{name}: {attribute}={value}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_drawn_outside_the_card() {
    for (name, figure) in all() {
        let svg = figure.unwrap_or_else(|error| panic!("{name}: {error}"));
        let elements = xml::elements(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        let view: Vec<f64> = elements[0]
            .get("viewBox")
            .split(' ')
            .map(|part| part.parse().expect("a number"))
            .collect();
        let inside = |x: f64, y: f64| {
            (-1.0..=view[2] + 1.0).contains(&x) && (-1.0..=view[3] + 1.0).contains(&y)
        };
        for element in &elements {
            let places: Vec<(f64, f64)> = match element.name.as_str() {
                "polyline" => element
                    .get("points")
                    .split_whitespace()
                    .map(|pair| {
                        let (x, y) = pair.split_once(',').expect("a pair");
                        (x.parse().expect("a number"), y.parse().expect("a number"))
                    })
                    .collect(),
                "circle" => vec![(element.number("cx"), element.number("cy"))],
                "rect" | "image" => {
                    let (x, y, w, h) = (
                        element.number("x"),
                        element.number("y"),
                        element.number("width"),
                        element.number("height"),
                    );
                    assert!(w >= 0.0 && h >= 0.0, "{name}: {element:?}");
                    vec![(x, y), (x + w, y + h)]
                }
                "text" => {
                    // Five ninths of an em a letter: less than the true width of most fonts.
                    let long =
                        element.text.chars().count() as f64 * element.number("font-size") * 0.45;
                    let (x, y) = (element.number("x"), element.number("y"));
                    let (before, after) = match element.get("text-anchor") {
                        "start" => (0.0, long),
                        "end" => (long, 0.0),
                        _ => (long / 2.0, long / 2.0),
                    };
                    if element
                        .attributes
                        .iter()
                        .any(|(name, _)| name == "transform")
                    {
                        vec![(x, y + before), (x, y - after)]
                    } else {
                        vec![(x - before, y), (x + after, y)]
                    }
                }
                _ => Vec::new(),
            };
            for (x, y) in places {
                assert!(inside(x, y), "{name}: ({x}, {y}) of {element:?}");
            }
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for ((name, once), (_, again)) in all().into_iter().zip(all()) {
        assert!(once == again, "{name} differs");
    }
}

#[test]
fn figures_stay_small_enough_for_a_page() {
    for (name, figure) in all() {
        let length = figure.map(|svg| svg.len()).unwrap_or(usize::MAX);
        let most = match name {
            "predicted" => 400_000,
            "heat_map_large" => 600_000,
            _ => 130_000,
        };
        assert!(length < most, "{name}: {length} bytes");
    }
}
