//! Where a network runs: by our kernels on the CPU, or by candle's on a CUDA card.
//!
//! Takes the user's word; gives a [`Processor`] for [`Tape::at`], and where the word cannot be kept the CPU and one line saying why.

use candle_core::{DType, Device};

use super::{OpsError, Tape};

/// A device, and what products and convolutions compute in there.
#[derive(Clone, Debug)]
pub struct Processor {
    device: Device,
    autocast: Option<DType>,
    name: String,
}

impl Default for Processor {
    fn default() -> Processor {
        Processor::cpu()
    }
}

impl Processor {
    /// The CPU, with our own kernels.
    pub fn cpu() -> Processor {
        Processor { device: Device::Cpu, autocast: None, name: "CPU".to_owned() }
    }

    /// What a word means: `auto` (the first CUDA card that answers, else the CPU), `cpu`, `cuda`, `cuda:1`; a card's word may end in `+f32`,
    /// which turns bf16 autocast off. The second part says why a wanted card is not used.
    ///
    /// # Errors
    /// When the word is none of these.
    pub fn choose(word: &str) -> Result<(Processor, Option<String>), OpsError> {
        let (card, autocast) = match word.strip_suffix("+f32") {
            Some(card) => (card, None),
            None => (word, Some(DType::BF16)),
        };
        let number = match card {
            "cpu" if autocast.is_some() => return Ok((Processor::cpu(), None)),
            "auto" | "cuda" => Ok(0),
            _ => card.strip_prefix("cuda:").unwrap_or_default().parse::<usize>(),
        };
        let Ok(number) = number else { return Err(OpsError::UnknownDevice(word.to_owned())) };
        match cuda(number) {
            Ok(device) => Ok((Processor { device, autocast, name: format!("CUDA card {number}") }, None)),
            // A build without CUDA on a machine without a wish for it has nothing to explain.
            Err(_) if card == "auto" && cfg!(not(feature = "cuda")) => Ok((Processor::cpu(), None)),
            Err(why) => Ok((Processor::cpu(), Some(format!("on the CPU: {why}")))),
        }
    }

    /// In words: `CPU`, `CUDA card 0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the CPU with our own kernels.
    pub fn is_cpu(&self) -> bool {
        matches!(self.device, Device::Cpu)
    }
}

impl Tape {
    /// This tape, computing on a processor.
    pub fn at(self, processor: &Processor) -> Tape {
        if processor.is_cpu() { self } else { self.on(&processor.device, processor.autocast) }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, String> {
    // Asked first, since without a driver the library's first call may panic.
    if !["/dev/nvidiactl", "/dev/dxg"].iter().any(|file| std::path::Path::new(file).exists()) {
        return Err("no NVIDIA driver is loaded (nvidia-smi would say the same)".to_owned());
    }
    Device::new_cuda(number).map_err(|error| format!("CUDA card {number} does not answer: {error}"))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_number: usize) -> Result<Device, String> {
    Err("this program was built without CUDA; cargo build --release --features cudnn builds it in".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_others_refused() {
        for word in ["", "gpu", "cuda:", "cuda:x", "cpu+f32", "cuda:-1"] {
            let error = Processor::choose(word).expect_err(word).to_string();
            assert!(error.contains("auto, cpu, cuda"), "{word}: {error}");
        }
        let (processor, why) = Processor::choose("cpu").expect("a processor");
        assert_eq!((processor.is_cpu(), processor.name(), why), (true, "CPU", None));
    }

    #[test]
    fn a_card_that_is_not_there_is_said_in_one_line() {
        // A number that no machine has.
        let (processor, why) = Processor::choose("cuda:977+f32").expect("a processor");
        let why = why.expect("a reason");
        assert!(processor.is_cpu() && why.starts_with("on the CPU: ") && !why.contains('\n'), "{why}");
    }
}
