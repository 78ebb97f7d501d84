//! The content of figures: texts, elements and their positions.

use crate::xml::{self, Element};
use tinderbox_plot::{
    Image, Plot, Scale, Series, Spacing, Surface, bars, confusion_matrix, contour, curves,
    histogram, image_grid, line, scatter, sparkline,
};

fn parsed(svg: &str) -> Vec<Element> {
    xml::elements(svg).unwrap_or_else(|error| panic!("{error}: {svg}"))
}

fn texts(elements: &[Element]) -> Vec<&str> {
    elements
        .iter()
        .filter(|element| element.name == "text")
        .map(|element| element.text.as_str())
        .collect()
}

fn count(elements: &[Element], name: &str, color: &str) -> usize {
    let colored = |element: &&Element| {
        element.name == name && element.attributes.iter().any(|(_, value)| value == color)
    };
    elements.iter().filter(colored).count()
}

#[test]
fn title_axes_and_legend_are_named() {
    let train = Series::by_epoch("train <b> & more", [0.9, 0.5]);
    let validation = Series::by_epoch("validation", [0.8, 0.6]);
    let svg = curves(
        &Plot::new("Airfoil").labels("epoch", "loss"),
        &[train, validation],
    )
    .expect("drawable");
    let elements = parsed(&svg);
    for text in [
        "Airfoil",
        "epoch",
        "loss",
        "train <b> & more",
        "validation",
        "1",
        "2",
    ] {
        assert!(
            texts(&elements).contains(&text),
            "{text}: {:?}",
            texts(&elements)
        );
    }
    assert_eq!(elements[0].get("aria-label"), "Airfoil");
    assert!(
        elements
            .iter()
            .filter(|e| e.name == "text")
            .all(|e| e.get("font-family") == "sans-serif")
    );
}

#[test]
fn the_legend_stands_above_the_data() {
    let series: Vec<_> = (0..9)
        .map(|k| Series::by_epoch(format!("series {k}"), [0.0, 1.0, f64::from(k)]))
        .collect();
    let elements = parsed(&line(&Plot::default(), &series).expect("drawable"));
    let lowest_entry = elements
        .iter()
        .filter(|e| e.text.starts_with("series"))
        .map(|e| e.number("y"))
        .fold(0.0, f64::max);
    // Of all lines through three points, the highest place.
    let highest_point = elements
        .iter()
        .filter(|e| e.name == "polyline" && e.get("points").split_whitespace().count() == 3)
        .flat_map(|e| e.get("points").split_whitespace())
        .filter_map(|pair| pair.split_once(',')?.1.parse::<f64>().ok())
        .fold(f64::INFINITY, f64::min);
    assert!(
        lowest_entry < highest_point,
        "{lowest_entry} {highest_point}"
    );
    assert!(elements.iter().any(|e| e.text == "series 8"));
}

#[test]
fn a_missing_value_is_a_gap_and_a_lone_value_a_dot() {
    let values = [1.0, 2.0, f64::NAN, 3.0, f64::INFINITY, 2.0, 1.0];
    let elements =
        parsed(&line(&Plot::default(), &[Series::by_epoch("", values)]).expect("drawable"));
    assert_eq!(count(&elements, "polyline", "#0072B2"), 2);
    assert_eq!(count(&elements, "circle", "#0072B2"), 1);
}

#[test]
fn a_log_axis_is_chosen_for_curves_only_where_it_helps() {
    let ticks = |values: [f64; 3], scale| {
        let plot = Plot {
            y_scale: scale,
            ..Plot::default()
        };
        let elements = parsed(&curves(&plot, &[Series::by_epoch("", values)]).expect("drawable"));
        texts(&elements).contains(&"0.01")
    };
    assert!(ticks([1.0, 0.1, 0.001], Scale::Auto));
    assert!(!ticks([1.0, 0.1, 0.5], Scale::Auto));
    assert!(!ticks([1.0, 0.1, 0.0], Scale::Auto));
    assert!(!ticks([1.0, 0.1, 0.0], Scale::Log));
    assert!(!ticks([1.0, 0.1, 0.001], Scale::Linear));
}

#[test]
fn every_point_of_a_scatter_plot_is_drawn() {
    let cloud = Series::new("", (0..100).map(|i| (f64::from(i), f64::from(i * i % 17))));
    let fit = Series::function("fit", (0.0, 99.0), 2, |x| x / 10.0);
    let elements = parsed(&scatter(&Plot::default(), &[cloud], &[fit]).expect("drawable"));
    assert_eq!(count(&elements, "circle", "#0072B2"), 100);
    // The line and its legend entry.
    assert_eq!(count(&elements, "polyline", "#D55E00"), 2);
}

#[test]
fn a_path_on_a_contour_has_all_its_steps() {
    let bowl =
        Surface::from_fn((-2.0, 2.0), (-2.0, 2.0), |x, y| x * x + y * y).expect("good ranges");
    let path = Series::new("descent", (0..8).map(|k| (2.0 * 0.5f64.powi(k) - 0.5, 0.1)));
    let svg = contour(&Plot::default(), &bowl, (7, Spacing::Linear), &[path]).expect("drawable");
    let elements = parsed(&svg);
    // Eight steps, the rim of the first, the rim in the legend.
    assert_eq!(count(&elements, "circle", "#D55E00"), 10);
    for text in ["descent", "start", "end", "1", "2", "7"] {
        assert!(
            texts(&elements).contains(&text),
            "{text}: {:?}",
            texts(&elements)
        );
    }
}

#[test]
fn a_confusion_matrix_holds_every_count() {
    let counts = [vec![50, 0, 3], vec![1, 47, 2], vec![11, 12, 13]];
    let svg = confusion_matrix(
        &Plot::default(),
        &["setosa", "versicolor", "virginica"],
        &counts,
    )
    .expect("drawable");
    let elements = parsed(&svg);
    for text in [
        "50",
        "0",
        "3",
        "1",
        "47",
        "2",
        "11",
        "12",
        "13",
        "predicted",
        "actual",
    ] {
        assert!(texts(&elements).contains(&text), "{text}");
    }
    assert_eq!(
        texts(&elements)
            .iter()
            .filter(|text| **text == "virginica")
            .count(),
        2
    );
}

#[test]
fn bars_carry_their_numbers_and_grow_with_them() {
    let values: Vec<_> = (0..50)
        .map(|i| (format!("column {i}"), f64::from(i) - 20.5))
        .collect();
    let elements = parsed(&bars(&Plot::default(), &values).expect("drawable"));
    assert!(texts(&elements).contains(&"-20.5") && texts(&elements).contains(&"column 49"));
    assert_eq!(count(&elements, "rect", "#0072B2"), 29);
    assert_eq!(count(&elements, "rect", "#D55E00"), 21);
    assert_eq!(elements[0].get("height"), "1100");
}

#[test]
fn a_histogram_has_a_bar_for_every_filled_bin() {
    let elements =
        parsed(&histogram(&Plot::default(), &[0.0, 0.1, 0.9, 1.0], Some(10)).expect("drawable"));
    assert_eq!(count(&elements, "rect", "#0072B2"), 3);
}

#[test]
fn images_are_embedded_sharp_and_small() {
    let images: Vec<_> = (0..18u8)
        .map(|k| {
            Image::gray(format!("class {}", k % 10), (28, 28), vec![k * 14; 784]).expect("28 x 28")
        })
        .collect();
    let svg = image_grid("Fashion-MNIST", &images, 9, 56).expect("drawable");
    assert!(svg.len() < 30_000, "{}", svg.len());
    let elements = parsed(&svg);
    let pictures: Vec<_> = elements.iter().filter(|e| e.name == "image").collect();
    assert_eq!(pictures.len(), 18);
    assert!(
        pictures
            .iter()
            .all(|e| e.get("style") == "image-rendering:pixelated")
    );
    assert!(pictures.iter().all(|e| {
        e.get("href")
            .starts_with("data:image/png;base64,iVBORw0KGgo")
    }));
}

#[test]
fn a_framed_image_has_its_frame_around_it_and_titles_may_have_two_lines() {
    let image = |title: &str| Image::gray(title, (4, 2), vec![9; 8]).expect("4 x 2");
    let images = [image("coat"), image("shirt\ncoat").framed()];
    let svg = image_grid("", &images, 2, 40).expect("drawable");
    let elements = parsed(&svg);
    assert_eq!(texts(&elements), ["coat", "shirt", "coat"]);
    let of = |name: &str, key: &str| -> Vec<i32> {
        let named = elements.iter().filter(|e| e.name == name);
        let framed = named.filter(|e| name == "image" || e.get("fill") == "none");
        framed
            .map(|e| e.get(key).parse().expect("a number"))
            .collect()
    };
    for (start, size) in [("x", "width"), ("y", "height")] {
        let (pictures, frames) = (of("image", start), of("rect", start));
        assert_eq!(frames, [pictures[1] - 15]);
        assert_eq!(of("rect", size), [of("image", size)[1] + 30]);
    }
    // Below two lines of titles, whether an image has two or one.
    assert_eq!(of("image", "y"), [8 * 10 + 340; 2]);
}

#[test]
fn a_sparkline_is_a_few_bytes() {
    insta::assert_snapshot!(sparkline(&[1.0, 3.0, 2.0]).expect("drawable"), @r##"
    <svg xmlns="http://www.w3.org/2000/svg" width="120" height="24" viewBox="0 0 1200 240" role="img" aria-label="" style="max-width:100%;height:auto">
    <rect x="0" y="0" width="1200" height="240" opacity="1" fill="#FFFFFF" stroke="none"/>
    <polyline fill="none" opacity="1" stroke="#0072B2" stroke-width="15" points="20,220 600,20 1180,120 "/>
    </svg>
    "##);
}
