//! The parameters of an operation in words, for errors and pictures.

use serde_json::Value as Json;

use super::DeconvOp;

/// Characters that are told at the most.
const LONGEST: usize = 240;

/// `source d.fits, plane 0, rows 0..64`: what the operation is given besides its inputs.
pub(super) fn parameters(op: &DeconvOp) -> String {
    let Ok(Json::Object(named)) = serde_json::to_value(op) else { return String::new() };
    let text = named.into_iter().next().map(|(_, fields)| words(&fields)).unwrap_or_default();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn words(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => format!("({})", items.iter().map(words).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => {
            if let (2, Some(start), Some(end)) = (fields.len(), fields.get("start"), fields.get("end")) {
                return format!("{start}..{end}");
            }
            let field = |(name, value): (&String, &Json)| match value {
                Json::Object(inner) if !inner.contains_key("start") => format!("{name} {{{}}}", words(value)),
                value => format!("{name} {}", words(value)),
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_words_with_their_values() {
        let fields = serde_json::json!({"rows": {"start": 3, "end": 9}, "plane": 1, "noise": "white", "mask": null});
        assert_eq!(words(&fields), "mask none, noise white, plane 1, rows 3..9");
        let nested = serde_json::json!({"cut": {"slab": 4, "shape": [7, 8]}});
        assert_eq!(words(&nested), "cut {shape (7, 8), slab 4}");
    }
}
