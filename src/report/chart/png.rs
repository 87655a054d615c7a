//! SVG to PNG, with the fonts that the program carries and no others.

use std::sync::{Arc, OnceLock};

use resvg::usvg::{self, fontdb};
use resvg::{render as paint, tiny_skia};

use super::canvas::Drawn;

/// Device pixels for one CSS pixel.
const SCALE: f32 = 2.0;

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
        fonts.load_font_data(notosans::BOLD_TTF.to_vec());
        Arc::new(fonts)
    };
    FONTS.get_or_init(load).clone()
}

/// Rasterises an SVG document.
pub(super) fn render(svg: &str) -> Drawn<Vec<u8>> {
    let options = usvg::Options {
        fontdb: fonts(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| e.to_string())?;
    let size = tree.size();
    let pixels = |v: f32| (v * SCALE).ceil() as u32;
    let mut sheet = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or("the figure is too large for an image")?;
    paint(
        &tree,
        tiny_skia::Transform::from_scale(SCALE, SCALE),
        &mut sheet.as_mut(),
    );
    sheet.encode_png().map_err(|e| e.to_string())
}
