//! One drawing as SVG text or as the bytes of a PNG.
//!
//! Takes what draws itself on any plotters backend, in points; gives both forms. In SVG text stays text. A PNG has two pixels to a point, and each of
//! four drawn ones, since plotters does not smooth thick lines.

use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea, SVGBackend};

use super::curves::draw::Brush;
use super::font::{self, Font};
use super::{ShowError, raster};

/// Foreign text made drawable by the font at hand.
pub(super) type Drawable<'a> = &'a mut dyn FnMut(&str) -> String;

/// What draws itself.
pub(super) trait Drawing {
    /// Points across and down.
    fn size(&self) -> (u32, u32);

    /// Draws it; `brush` says how many pixels a point is.
    ///
    /// # Errors
    /// When the backend fails.
    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        brush: &Brush,
        drawable: Drawable<'_>,
    ) -> Result<(), ShowError>;
}

/// A drawing as the bytes of a PNG.
pub(super) struct Png {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Pixels across and down.
    pub size: (u32, u32),
    /// Characters without glyph, which show as `?`.
    pub missing: Vec<char>,
}

fn failed(error: impl std::fmt::Display) -> ShowError {
    ShowError::Draw(error.to_string())
}

/// As SVG text.
pub(super) fn svg(drawing: &impl Drawing) -> Result<String, ShowError> {
    // plotters places everything on whole numbers; eight of them to a pixel make slopes smooth.
    const SCALE: u32 = 8;
    let font = font::built_in()?;
    let (width, height) = drawing.size();
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (width * SCALE, height * SCALE)).into_drawing_area();
        let brush = Brush { family: font.family, scale: SCALE as i32, sink: 0.0 };
        drawing.draw(&root, &brush, &mut |name| name.to_owned())?;
        root.present().map_err(failed)?;
    }
    let inner = format!("width=\"{}\" height=\"{}\"", width * SCALE, height * SCALE);
    Ok(text.replacen(&inner, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

/// As a PNG, its text by this font.
pub(super) fn png(drawing: &impl Drawing, font: &Font) -> Result<Png, ShowError> {
    const PIXELS: u32 = 2;
    const SCALE: u32 = 2 * PIXELS;
    let (width, height) = drawing.size();
    let drawn = (width * SCALE, height * SCALE);
    let mut buffer = vec![255; drawn.0 as usize * drawn.1 as usize * 3];
    let mut missing = Vec::new();
    {
        let root = BitMapBackend::with_buffer(&mut buffer, drawn).into_drawing_area();
        let brush = Brush { family: font.family, scale: SCALE as i32, sink: 0.13 };
        drawing.draw(&root, &brush, &mut |text| font.drawable(text, &mut missing))?;
        root.present().map_err(failed)?;
    }
    let size = (width * PIXELS, height * PIXELS);
    let mut rgb = Vec::with_capacity(size.0 as usize * size.1 as usize * 3);
    for y in 0..size.1 {
        for x in 0..size.0 {
            for channel in 0..3 {
                let at = |dx: u32, dy: u32| ((2 * y + dy) * drawn.0 + 2 * x + dx) as usize * 3 + channel;
                let sum: u32 = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)].iter().map(|&i| u32::from(buffer[i])).sum();
                rgb.push(((sum + 2) / 4) as u8);
            }
        }
    }
    Ok(Png { bytes: raster::png(size.0, size.1, &rgb)?, size, missing })
}

#[cfg(test)]
mod tests {
    use plotters::style::BLACK;

    use super::*;

    struct Line;

    impl Drawing for Line {
        fn size(&self) -> (u32, u32) {
            (20, 10)
        }

        fn draw<DB: DrawingBackend>(
            &self,
            root: &DrawingArea<DB, Shift>,
            brush: &Brush,
            drawable: Drawable<'_>,
        ) -> Result<(), ShowError> {
            root.fill(&plotters::style::WHITE).map_err(failed)?;
            let style = (brush.family, f64::from(brush.scale) * 4.0);
            use plotters::style::IntoTextStyle;
            let style = style.into_text_style(root).color(&BLACK);
            root.draw_text(&drawable("獺 <b>"), &style, (0, 0)).map_err(failed)
        }
    }

    #[test]
    fn text_of_svg_is_text_and_png_tells_what_it_lacks() {
        let text = svg(&Line).unwrap();
        assert!(text.contains("width=\"20\" height=\"10\"") && text.contains("獺 &lt;b&gt;"), "{text}");
        let png = png(&Line, font::built_in().unwrap()).unwrap();
        let picture = image::load_from_memory(&png.bytes).unwrap().to_rgb8();
        assert_eq!(((picture.width(), picture.height()), png.missing), (png.size, vec!['獺']));
        assert!(picture.pixels().any(|pixel| pixel.0[0] < 128), "the letters are there");
    }
}
