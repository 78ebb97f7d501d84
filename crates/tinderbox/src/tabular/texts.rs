//! Sentence vectors of a pretrained encoder as features of a column of text.

#[cfg(feature = "tokenizers")]
mod vectors;

use burn::tensor::Device;

use super::TabularError;
use super::member::Member;

#[cfg(feature = "tokenizers")]
pub use vectors::TextVectors;

/// Opens the encoders that the models need and gives each model its own. One whose folder is not there is left out:
/// the error of the first prediction says what to give.
#[cfg(feature = "tokenizers")]
pub(super) fn attach(members: Vec<Member>, device: &Device) -> Result<Vec<Member>, TabularError> {
    use std::collections::HashMap;
    use std::sync::Arc;

    let mut open: HashMap<String, Arc<TextVectors>> = HashMap::new();
    let attached = members.into_iter().map(|mut member| {
        let name = member
            .features
            .encoders()
            .first()
            .map(|name| (*name).to_owned());
        let there = |name: &String| {
            let path = std::path::Path::new(name);
            // A name of the hub is `NAME` or `OWNER/NAME`.
            let name = path.is_relative() && path.components().count() <= 2;
            path.is_dir() || (cfg!(feature = "hub") && name)
        };
        let Some(name) = name.filter(there) else {
            return Ok(member);
        };
        let encoder = match open.get(&name) {
            Some(encoder) => Arc::clone(encoder),
            None => {
                let encoder =
                    TextVectors::open(&name, device).map_err(|error| TabularError::Encoder {
                        problem: error.to_string(),
                    })?;
                let encoder = Arc::new(encoder);
                open.insert(name, Arc::clone(&encoder));
                encoder
            }
        };
        member.features = member.features.with_encoder(encoder)?;
        Ok(member)
    });
    attached.collect()
}

/// Without the feature `tokenizers` there are no encoders.
#[cfg(not(feature = "tokenizers"))]
pub(super) fn attach(members: Vec<Member>, _: &Device) -> Result<Vec<Member>, TabularError> {
    Ok(members)
}
