//! Names that users type.

use anyhow::bail;
use mtl_data::suggest::did_you_mean;
use mtl_methods::Entry;

/// The method of that name or alias.
pub fn method(name: &str) -> anyhow::Result<&'static Entry> {
    if let Ok(entry) = mtl_methods::method(name) {
        return Ok(entry);
    }
    let valid: Vec<&str> = mtl_methods::methods().iter().map(|m| m.info.name).collect();
    let aliases = mtl_methods::methods().iter().flat_map(|m| m.info.aliases.iter().copied());
    let known: Vec<&str> = valid.iter().copied().chain(aliases).collect();
    bail!("unknown method `{name}`{}\nvalid: {}", did_you_mean(name, &known), valid.join(", "))
}
