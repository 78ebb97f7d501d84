use tinderbox_plot::{Plot, Series};

use crate::{History, Result};

/// Training and validation loss as an SVG; `None` before the first record.
pub(crate) fn loss_curves(history: &History) -> Result<Option<String>> {
    let series: Vec<Series> = [("train", "train_loss"), ("validation", "valid_loss")]
        .into_iter()
        .map(|(name, metric)| Series::new(name, history.series(metric)))
        .filter(|series| series.points.iter().any(|(_, loss)| loss.is_finite()))
        .collect();
    if series.is_empty() {
        return Ok(None);
    }
    let plot = Plot::new("Loss").labels(history.axis(), "loss");
    Ok(Some(tinderbox_plot::curves(&plot, &series)?))
}
