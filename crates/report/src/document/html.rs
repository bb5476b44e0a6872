//! The report as one self-contained page.

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::Document;

/// The page's template is at fault; a test renders it, so users do not meet this.
#[derive(Debug, thiserror::Error)]
#[error("the page template is at fault: {0:#}")]
pub struct PageError(#[from] minijinja::Error);

/// The whole page.
///
/// # Errors
/// Only if the template is wrong.
pub fn page(document: &Document) -> Result<String, PageError> {
    let mut templates = Environment::new();
    templates.add_template("page.html", include_str!("../templates/page.html"))?;
    let style = include_str!("../templates/page.css");
    let script = include_str!("../templates/page.js");
    Ok(templates
        .get_template("page.html")?
        .render(context! { document => Value::from(Serde(document)), style, script })?)
}
