//! `toji explain`: what a table, a key or a technique means.

use toji::book;
use toji::session::schema;

use super::Context;
use super::failure::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A table (`loss`), a key (`margin`, `loss.margin`) or a technique (`ArcFaceLoss`). Without a name
    /// the whole reference is printed, as Markdown.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Prints the explanation.
pub fn explain(context: &Context, args: &Args) -> Result<(), Failure> {
    let Some(name) = &args.name else {
        let text = toji::session::schema::reference();
        if context.say.is_json() {
            context.say.json(&serde_json::json!({ "reference": text }));
        } else {
            context.say.line(text.trim_end());
        }
        return Ok(());
    };
    let found = book::explain(&schema::recipes(), name).or_else(|unknown| {
        book::explain(&schema::facts(), name).map_err(|other| {
            let mut nearest = unknown.nearest;
            nearest.extend(other.nearest);
            nearest
        })
    });
    match found {
        Ok(text) if context.say.is_json() => context.say.json(&serde_json::json!({ "name": name, "text": text })),
        Ok(text) => context.say.line(text.trim_end()),
        Err(nearest) => {
            let failure = Failure::usage(format!("nothing is called {name}"));
            return Err(match nearest.is_empty() {
                true => failure.hint("toji explain, without a name, prints the whole reference"),
                false => failure.hint(format!("near it: {}", nearest.join(", "))),
            });
        }
    }
    Ok(())
}
