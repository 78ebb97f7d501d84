//! What must be the same in a run and in the run that resumes it.

use serde_json::{Map, Value, json};
use tinderbox_data::Batches;

use crate::Result;

/// The data of a run by the names that a message gives them: what the examples are, and in which
/// order and batches they come. Of the validation data the order does not matter.
pub(super) fn of_data<B>(
    train: &dyn Batches<Batch = B>,
    valid: Option<&dyn Batches<Batch = B>>,
) -> Result<Map<String, Value>> {
    let of = train.identity()?;
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    put("training data", json!(of.data));
    put("batches an epoch", json!(train.batches()));
    put("examples an epoch", json!(train.examples()));
    put("seed of the order", json!(of.order_seed));
    put("shuffle buffer", json!(of.shuffle_buffer));
    put("batch size", json!(of.batch_size));
    put("last batch", json!(of.last_batch));
    if let Some(valid) = valid {
        put("validation data", json!(valid.identity()?.data));
        put("validation examples", json!(valid.examples()));
    }
    Ok(all)
}

/// All that differs, in words; what neither of the two has does not.
pub(super) fn differences(old: &Value, new: &Value) -> Option<String> {
    compare(old, new, |name, before, now| {
        format!("{name} was {before}, and is {now} now")
    })
}

/// All that differs between rank 0 and another one, in words.
pub(super) fn between_ranks(first: &Value, other: &Value) -> Option<String> {
    compare(first, other, |name, first, other| {
        format!("{name}: {first} on rank 0, and {other} here")
    })
}

fn compare(old: &Value, new: &Value, say: fn(&str, &str, &str) -> String) -> Option<String> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return Some("its description is damaged".into());
    };
    let names = new
        .keys()
        .chain(old.keys().filter(|name| !new.contains_key(*name)));
    let differs = names.filter_map(|name| {
        let value = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or(Value::Null);
        let (before, now) = (value(old), value(new));
        (before != now).then(|| say(name, &shown(&before), &shown(&now)))
    });
    let differs: Vec<String> = differs.collect();
    (!differs.is_empty()).then(|| differs.join("; "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
