use crate::ModelError;

/// The largest size of anything.
const LARGEST: usize = 1_000_000_000;

/// A check of the shape of an image and of the number of classes.
///
/// `smallest` is the least height and width with something left at the end of the model.
pub(crate) fn image(
    model: &'static str,
    input: [usize; 3],
    classes: usize,
    smallest: usize,
) -> Result<(), ModelError> {
    let [channels, height, width] = input;
    for (field, size) in [("the number of channels", channels), ("classes", classes)] {
        positive(model, field, size)?;
    }
    if height < smallest || width < smallest {
        return Err(ModelError::TooSmall {
            model,
            height,
            width,
            smallest,
        });
    }
    Ok(())
}

/// A size that must not be 0, nor so large that no machine has the memory.
pub(crate) fn positive(
    model: &'static str,
    field: &'static str,
    size: usize,
) -> Result<(), ModelError> {
    if size == 0 {
        return Err(ModelError::Zero { model, field });
    }
    if size > LARGEST {
        return Err(ModelError::Setting {
            model,
            field,
            value: size.to_string(),
            needs: "no size is larger than a thousand million",
        });
    }
    Ok(())
}

/// A table of weights, of which a tensor can have 2^31.
pub(crate) fn weights(model: &'static str, rows: usize, columns: usize) -> Result<(), ModelError> {
    match rows.checked_mul(columns) {
        Some(count) if count < 1 << 31 => Ok(()),
        _ => Err(ModelError::Config {
            model,
            problem: format!(
                "{rows} x {columns} weights are too many: a tensor has less than 2^31"
            ),
        }),
    }
}

/// The number of blocks of a deep model.
pub(crate) fn layers(model: &'static str, layers: usize) -> Result<(), ModelError> {
    if layers <= 10_000 {
        return Ok(());
    }
    Err(ModelError::Setting {
        model,
        field: "layers",
        value: layers.to_string(),
        needs: "more than 10,000 blocks are a mistake in the settings",
    })
}

/// A dropout probability.
pub(crate) fn dropout(
    model: &'static str,
    field: &'static str,
    probability: f64,
) -> Result<(), ModelError> {
    if (0.0..1.0).contains(&probability) {
        return Ok(());
    }
    Err(ModelError::Setting {
        model,
        field,
        value: probability.to_string(),
        needs: "a dropout probability is at least 0 and less than 1",
    })
}

/// A number that another one must divide.
pub(crate) fn divides(
    model: &'static str,
    field: &'static str,
    divisor: usize,
    whole: usize,
    needs: &'static str,
) -> Result<(), ModelError> {
    if divisor > 0 && whole.is_multiple_of(divisor) {
        return Ok(());
    }
    Err(ModelError::Setting {
        model,
        field,
        value: divisor.to_string(),
        needs,
    })
}

/// An initializer of the user.
pub(crate) fn initializer(
    model: &'static str,
    initializer: tinderbox_nn::Initializer,
) -> Result<(), ModelError> {
    initializer
        .check()
        .map_err(|source| ModelError::Init { model, source })
}
