//! The parity table: how far our networks' numbers are from PyTorch's, for each case of `tests/golden/backbone`.
//!
//! Takes names of networks (none: all cases); prints rows of a Markdown table, each number a distance over a length.

#[path = "../../tests/learn/golden.rs"]
mod golden;

/// Prints the table. One number of a row is the worst over all tensors of its kind.
pub fn table(names: &[String]) {
    println!(
        "| network | pool | embedding | three steps | one gradient at each depth | nine in ten gradients | worst gradient | worst running statistic |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in golden::cases() {
        if names.is_empty() || names.contains(&case.name) {
            let apart = golden::measure(&case);
            let running = apart.running.map_or("none".to_owned(), |(_, apart)| format!("{apart:.1e}"));
            let (tensor, gradient) = &apart.gradient;
            println!(
                "| {} | {} | {:.1e} | {:.1e} | {:.1e} | {:.1e} | {gradient:.1e} (`{tensor}`) | {running} |",
                case.name, case.pool, apart.evaluation, apart.training, apart.depth.1, apart.gradients
            );
        }
    }
}
