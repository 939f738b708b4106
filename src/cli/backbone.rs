//! `toji backbone`: which networks there are, and what one costs here.

use serde::Serialize;
use toji::base::Progress;
use toji::base::text::{pad, plain};
use toji::learn::backbone::hub::HubName;
use toji::learn::backbone::{self, Profile, presets, profile};
use toji::learn::train::speed::{Speed, speed};

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// timm's name of a network (`resnet18`): prints what it costs, and measures it here. A part of names (`resnet`, `*_tiny`)
    /// or nothing: lists those networks, family by family, with their size and work for one picture.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Side of the pictures in pixels. Default: the size that the network's published weights were made for.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=4096))]
    size: Option<u32>,
    /// Pictures in a batch, for the memory of a step and the speed.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=4096))]
    batch: u32,
    /// Do not measure the speed.
    #[arg(long)]
    no_measure: bool,
    /// Fetch the network's default weights from the hub into its cache, or those of --weights. Nothing else here uses the
    /// network.
    #[arg(long)]
    fetch: bool,
    /// Which weights --fetch means, as a recipe writes them.
    #[arg(long, value_name = "hf:OWNER/NAME", requires = "fetch")]
    weights: Option<String>,
}

/// One network as JSON.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    family: String,
    parameters: usize,
    features: usize,
    size: usize,
    multiply_adds: u64,
    batch: usize,
    step_bytes: u64,
    step_bytes_measured: Option<u64>,
    processor: Option<String>,
    train_images_per_second: Option<f64>,
    eval_images_per_second: Option<f64>,
    mean: [f32; 3],
    std: [f32; 3],
    interpolation: &'static str,
    input: usize,
    crop: f32,
    weights: String,
}

/// What was measured here.
struct Measured {
    /// What computed, in words.
    processor: String,
    speed: Speed,
    /// Memory of a step, where the system tells.
    bytes: Option<u64>,
}

/// Lists networks, or tells of one.
pub fn backbone(context: &Context, args: &Args) -> Result<(), Failure> {
    let exact = args.name.as_deref().filter(|name| presets().any(|preset| preset.name == *name));
    match exact {
        Some(name) => one(context, args, name),
        None if args.fetch => Err(Failure::usage("--fetch wants the whole name of one network")),
        None => list(context, args),
    }
}

/// The hub's name of a network's default weights.
fn default_weights(preset: &backbone::Preset) -> String {
    match preset.tag {
        "" => format!("{}timm/{}", HubName::PREFIX, preset.name),
        tag => format!("{}timm/{}.{tag}", HubName::PREFIX, preset.name),
    }
}

fn list(context: &Context, args: &Args) -> Result<(), Failure> {
    let pattern = args.name.as_deref().unwrap_or("*");
    let found: Vec<_> = presets().filter(|preset| matches(preset.name, pattern)).collect();
    if found.is_empty() {
        return Err(Failure::usage(format!("no network's name has {pattern:?} in it"))
            .hint("toji backbone, without a name, lists all"));
    }
    let mut family = String::new();
    for preset in found {
        let size = args.size.map(|size| size as usize);
        let told = profile(preset.name, size).map_err(|error| Failure::failed(error.to_string()))?;
        if context.say.is_json() {
            context.say.json(&line(&told, args, None));
            continue;
        }
        if told.family() != family {
            family = told.family();
            let head = format!("{} {:>9} {:>9} {:>6}  weights", pad(&family, 44), "M params", "G madds", "pixels");
            context.say.line(&head);
        }
        context.say.line(&format!(
            "  {} {:>9.1} {:>9.2} {:>6}  {}",
            pad(preset.name, 42),
            told.parameters as f64 / 1e6,
            told.multiply_adds as f64 / 1e9,
            told.size,
            preset.tag
        ));
    }
    Ok(())
}

/// Whether a name fits: with `*` as shells have it, without one when the pattern is a part of it.
fn matches(name: &str, pattern: &str) -> bool {
    if !pattern.contains('*') {
        return name.contains(pattern);
    }
    let parts: Vec<&str> = pattern.split('*').collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return true };
    let Some(rest) = name.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    parts[1..parts.len() - 1].iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

fn one(context: &Context, args: &Args, name: &str) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::failed(toji::session::brew::chain(error));
    let told = profile(name, args.size.map(|size| size as usize)).map_err(|error| failed(&error))?;
    let cancel = surroundings::stop_on_signals();
    let mut measured = None;
    if !args.no_measure {
        let processor = &context.around.processor;
        if let Some(note) = processor.displaced() {
            context.say.error(&format!("note: {}", plain(note)));
        }
        context.say.at(&format!("measuring {name}"), 0, 0, "steps; ctrl+c stops");
        let mut memory = Vec::new();
        let mut observe = || memory.push(surroundings::memory());
        let clock = context.around.clock.as_ref();
        let found = speed(name, told.size, args.batch as usize, processor, clock, &mut observe, &cancel);
        context.say.wipe();
        let speed = found.map_err(|error| failed(error.as_ref()))?;
        // Without the weights, which were there before; they are added so that both numbers mean the same. What a step needs on a
        // card is not this process's memory.
        let bytes = match memory.as_slice() {
            [Some(before), Some(after)] if processor.is_cpu() => Some((after.peak - before.now) + told.weights_bytes()),
            _ => None,
        };
        measured = Some(Measured { processor: processor.name().to_owned(), speed, bytes });
    }
    let fetched = if args.fetch { Some(fetch(context, args, told.preset, &cancel)?) } else { None };
    if context.say.is_json() {
        context.say.json(&line(&told, args, measured.as_ref()));
        if let Some((name, file)) = fetched {
            context.say.json(&serde_json::json!({ "weights": name, "file": file }));
        }
        return Ok(());
    }
    let preset = told.preset;
    let three = |numbers: [f32; 3]| numbers.map(|x| x.to_string()).join(" ");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let say = |what: &str, text: String| context.say.line(&format!("  {} {}", pad(what, 15), plain(&text)));
    context.say.line(&format!("{name} ({})", told.family()));
    say("parameters", format!("{:.2} M, without the neck", told.parameters as f64 / 1e6));
    say("features", format!("{} numbers go into the neck", told.features));
    let giga = told.multiply_adds as f64 / 1e9;
    say("work", format!("{giga:.2} G multiply-adds for a picture of {0} × {0} pixels", told.size));
    let estimate = mib(told.step_bytes(args.batch as usize));
    let bytes = measured.as_ref().and_then(|measured| measured.bytes);
    let found = bytes.map(|bytes| format!("; {:.0} MiB measured", mib(bytes))).unwrap_or_default();
    say("a step's memory", format!("about {estimate:.0} MiB for {} pictures with AdamW{found}", args.batch));
    if let Some(Measured { processor, speed: Speed { train, eval }, .. }) = measured {
        say("speed here", format!("{train:.1} images per second in training, {eval:.1} in evaluation ({processor})"));
    }
    say("weights", default_weights(preset));
    say("made for", format!("{0} × {0} pixels, crop {1}, {2}", preset.input, preset.crop, preset.interpolation));
    say("", format!("mean {}, std {}", three(preset.mean), three(preset.std)));
    if let Some((name, file)) = fetched {
        say("fetched", format!("{name} is {file}"));
    }
    Ok(())
}

/// Fetches weights; gives their name and file.
fn fetch(
    context: &Context,
    args: &Args,
    preset: &backbone::Preset,
    cancel: &toji::base::Cancel,
) -> Result<(String, String), Failure> {
    let name = args.weights.clone().unwrap_or_else(|| default_weights(preset));
    let hub = match backbone::source(&name) {
        Ok(backbone::Source::Hub(hub)) => hub,
        Ok(_) => return Err(Failure::usage(format!("{name} is no hub's weights; write hf:OWNER/NAME"))),
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    let around = &context.around;
    let found = around.hub.fetch(&hub, around.clock.as_ref(), &context.say, cancel);
    context.say.wipe();
    let found = found.map_err(|error| Failure::failed(error.to_string()))?;
    Ok((name, found.weights.display().to_string()))
}

fn line(told: &Profile, args: &Args, measured: Option<&Measured>) -> Line {
    let preset = told.preset;
    Line {
        name: preset.name,
        family: told.family(),
        parameters: told.parameters,
        features: told.features,
        size: told.size,
        multiply_adds: told.multiply_adds,
        batch: args.batch as usize,
        step_bytes: told.step_bytes(args.batch as usize),
        step_bytes_measured: measured.and_then(|measured| measured.bytes),
        processor: measured.map(|measured| measured.processor.clone()),
        train_images_per_second: measured.map(|measured| measured.speed.train),
        eval_images_per_second: measured.map(|measured| measured.speed.eval),
        mean: preset.mean,
        std: preset.std,
        interpolation: preset.interpolation,
        input: preset.input,
        crop: preset.crop,
        weights: default_weights(preset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_parts_or_have_stars() {
        assert!(matches("resnet18", "net1") && matches("resnet18", "*") && matches("resnet18", "res*18"));
        assert!(matches("swin_tiny_x", "*tiny*") && !matches("resnet18", "*50") && !matches("resnet18", "net*"));
        assert!(!matches("aa", "a*a*a") && matches("aba", "a*b*a"));
    }
}
