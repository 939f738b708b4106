//! Where a network runs: by our kernels on the CPU, or by candle's on a CUDA card.
//!
//! Takes the user's word; gives a [`Processor`] for [`Tape::at`], which is the CPU where the word cannot be kept, and says why.
//! A program with CUDA is linked to the driver's and the toolkit's libraries: where those are missing it does not start at all, so
//! what is met here is a machine that has them and no card that answers.

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};

use super::{OpsError, Tape};

/// A device, and what products and convolutions compute in there. Cheap to clone; the device is opened when it is first asked for
/// anything, since that takes a card a while.
#[derive(Clone, Debug)]
pub struct Processor {
    wish: Wish,
    opened: Arc<OnceLock<Opened>>,
}

/// What a word asks for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    /// A card's number; none for the CPU.
    card: Option<usize>,
    /// Whether the CPU will do as well.
    auto: bool,
    autocast: Option<DType>,
}

/// What came of it.
#[derive(Debug)]
struct Opened {
    /// A card, and its type of products and convolutions when not 32 bits; none on the CPU.
    card: Option<(Device, Option<DType>)>,
    name: String,
    displaced: Option<String>,
}

impl Default for Processor {
    fn default() -> Processor {
        Processor::cpu()
    }
}

impl Processor {
    /// The CPU, with our own kernels.
    pub fn cpu() -> Processor {
        Processor::new(Wish { card: None, auto: false, autocast: None })
    }

    fn new(wish: Wish) -> Processor {
        Processor { wish, opened: Arc::default() }
    }

    /// What a word means: `auto` (the first CUDA card if it answers, else the CPU), `cpu`, `cuda`, `cuda:1`; a card's word may end in
    /// `+f32`, which turns bf16 autocast off.
    ///
    /// # Errors
    /// When the word is none of these.
    pub fn choose(word: &str) -> Result<Processor, OpsError> {
        let (card, autocast) = match word.strip_suffix("+f32") {
            Some(card) => (card, None),
            None => (word, Some(DType::BF16)),
        };
        let number = match card {
            "cpu" if autocast.is_some() => return Ok(Processor::cpu()),
            "auto" | "cuda" => Ok(0),
            _ => card.strip_prefix("cuda:").unwrap_or_default().parse::<usize>(),
        };
        let Ok(number) = number else { return Err(OpsError::UnknownDevice(word.to_owned())) };
        Ok(Processor::new(Wish { card: Some(number), auto: card == "auto", autocast }))
    }

    fn opened(&self) -> &Opened {
        self.opened.get_or_init(|| self.wish.open())
    }

    /// In words: `CPU`, `CUDA card 0, bf16`.
    pub fn name(&self) -> &str {
        &self.opened().name
    }

    /// Why it is not all that was wished for, in one line, if so.
    pub fn displaced(&self) -> Option<&str> {
        self.opened().displaced.as_deref()
    }

    /// Whether this is the CPU with our own kernels.
    pub fn is_cpu(&self) -> bool {
        self.opened().card.is_none()
    }

    /// The card's number, as CUDA counts them; `None` on the CPU.
    pub fn card(&self) -> Option<usize> {
        self.wish.card.filter(|_| !self.is_cpu())
    }

    /// The name of a machine that computes here: its own, and a card's beside it.
    pub fn of(&self, machine: &str) -> String {
        if self.is_cpu() { machine.to_owned() } else { format!("{machine}, {}", self.name()) }
    }
}

impl Wish {
    fn open(self) -> Opened {
        let cpu = |displaced: Option<String>| Opened { card: None, name: "CPU".to_owned(), displaced };
        let Some(number) = self.card else { return cpu(None) };
        match cuda(number) {
            Ok(device) => Opened::on(device, number, self.autocast),
            // A build without CUDA on a machine without a wish for it has nothing to explain.
            Err(_) if self.auto && cfg!(not(feature = "cuda")) => cpu(None),
            Err(why) => cpu(Some(format!("on the CPU: {why}"))),
        }
    }
}

impl Opened {
    /// A card that answers. One before compute capability 8.0 has no bf16 and would fail at the first product.
    fn on(device: Device, number: usize, wanted: Option<DType>) -> Opened {
        let autocast = wanted.filter(|dtype| multiplies(&device, *dtype));
        let lacking = wanted.filter(|_| autocast.is_none());
        let displaced = lacking.map(|dtype| format!("CUDA card {number} has no {}; 32 bits", dtype.as_str()));
        let name = format!("CUDA card {number}, {}", autocast.map_or("f32", |dtype| dtype.as_str()));
        Opened { card: Some((device, autocast)), name, displaced }
    }
}

/// Whether a device has products of a type.
fn multiplies(device: &Device, dtype: DType) -> bool {
    let tried =
        Tensor::zeros((2, 2), dtype, device).and_then(|x| x.t()?.contiguous()?.matmul(&x)?.to_device(&Device::Cpu));
    tried.is_ok()
}

impl Tape {
    /// This tape, computing on a processor.
    pub fn at(self, processor: &Processor) -> Tape {
        match &processor.opened().card {
            None => self,
            Some((device, autocast)) => self.on(device, *autocast),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, String> {
    // Asked first, since the library's first call may panic where its driver is not loaded.
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
        let processor = Processor::choose("cpu").expect("a processor");
        assert_eq!((processor.is_cpu(), processor.name(), processor.displaced()), (true, "CPU", None));
        assert_eq!(processor.of("a machine, 2 threads"), "a machine, 2 threads");
    }

    #[test]
    fn a_card_that_is_not_there_is_said_in_one_line() {
        // A number that no machine has.
        let processor = Processor::choose("cuda:977+f32").expect("a processor");
        let why = processor.displaced().expect("a reason");
        assert!(processor.is_cpu() && why.starts_with("on the CPU: ") && !why.contains('\n'), "{why}");
    }

    #[test]
    fn a_card_without_a_type_computes_in_32_bits_and_a_name_says_so() {
        // candle's CPU has no products of bytes, as an old card has none of bf16.
        let card = |wanted: Option<DType>| Opened::on(Device::Cpu, 1, wanted);
        let told = |opened: &Opened| (opened.name.clone(), opened.displaced.clone());
        let note = Some("CUDA card 1 has no u8; 32 bits".to_owned());
        assert_eq!(told(&card(Some(DType::U8))), ("CUDA card 1, f32".to_owned(), note));
        assert_eq!(told(&card(Some(DType::F16))), ("CUDA card 1, f16".to_owned(), None));
        assert_eq!(told(&card(None)), ("CUDA card 1, f32".to_owned(), None));
        let processor = Processor { opened: Arc::new(OnceLock::from(card(None))), ..Processor::cpu() };
        assert_eq!(processor.of("a machine, 2 threads"), "a machine, 2 threads, CUDA card 1, f32");
    }
}
