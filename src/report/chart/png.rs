//! SVG to PNG, with the fonts that the program carries and no others.
//!
//! A figure is flat colours with soft edges on white. So its pixels are written as numbers of a palette where 256
//! colours do, else as RGB, as differences from the row above, which mostly are none. The compression of a palette's
//! numbers knows runs of nothing only, and is an order of magnitude faster than one that looks for repetitions.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use resvg::usvg::{self, fontdb};
use resvg::{render as paint, tiny_skia};

use super::canvas::Drawn;

/// Device pixels for one CSS pixel: 1,300 for a figure, more than it is wide on a page, with letters of 14 pixels.
const SCALE: f32 = 1.25;

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        for font in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
            fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
        }
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
    let mut sheet = white(pixels(size.width()), pixels(size.height()))
        .ok_or("the figure is too large for an image")?;
    paint(
        &tree,
        tiny_skia::Transform::from_scale(SCALE, SCALE),
        &mut sheet.as_mut(),
    );
    let file = encode(&sheet).map_err(|e| e.to_string());
    SHEET.set(sheet.take());
    file
}

thread_local! {
    /// The pixels of the figure before: memory that is used again need not be cleared by the system once more.
    static SHEET: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A white sheet, opaque everywhere, whatever is drawn.
fn white(width: u32, height: u32) -> Option<tiny_skia::Pixmap> {
    let size = tiny_skia::IntSize::from_wh(width, height)?;
    let bytes = (width as usize).checked_mul(height as usize)?;
    let bytes = bytes.checked_mul(RGBA)?;
    let mut pixels = SHEET.take();
    pixels.clear();
    pixels.resize(bytes, u8::MAX);
    tiny_skia::Pixmap::from_vec(pixels, size)
}

/// An opaque sheet as a PNG file.
fn encode(sheet: &tiny_skia::Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let row = sheet.width() as usize * RGBA;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, sheet.width(), sheet.height());
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_filter(png::Filter::Up);
    let data = match numbered(sheet.data(), row) {
        Some((numbers, palette)) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette);
            encoder.set_deflate_compression(png::DeflateCompression::FdeflateUltraFast);
            numbers
        }
        None => {
            encoder.set_color(png::ColorType::Rgb);
            // Hatching repeats itself, but is not nothing.
            encoder.set_deflate_compression(png::DeflateCompression::Level(1));
            let (pixels, _) = sheet.data().as_chunks::<RGBA>();
            pixels
                .iter()
                .flat_map(|[r, g, b, _]| [*r, *g, *b])
                .collect()
        }
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(file)
}

/// Bytes of a pixel on a sheet.
const RGBA: usize = 4;

/// Pixels as numbers of a palette, and the palette: `None` if they have more than 256 colours. `row`: bytes of a row.
fn numbered(pixels: &[u8], row: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut numbers, mut palette) = (Vec::with_capacity(pixels.len() / RGBA), Vec::new());
    let mut known: HashMap<[u8; RGBA], u8> = HashMap::new();
    let (mut above, mut last) = (&[][..], None);
    for row in pixels.chunks_exact(row.max(RGBA)) {
        if row == above {
            numbers.extend_from_within(numbers.len() - row.len() / RGBA..);
            continue;
        }
        above = row;
        for &pixel in row.as_chunks::<RGBA>().0 {
            let number = match last {
                Some((same, number)) if same == pixel => number,
                _ => match known.get(&pixel) {
                    Some(number) => *number,
                    None => {
                        let number = u8::try_from(known.len()).ok()?;
                        known.insert(pixel, number);
                        palette.extend_from_slice(&pixel[..3]);
                        number
                    }
                },
            };
            last = Some((pixel, number));
            numbers.push(number);
        }
    }
    Some((numbers, palette))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sheet of so many colours in stripes.
    fn stripes(colours: u32) -> tiny_skia::Pixmap {
        let mut sheet = tiny_skia::Pixmap::new(40, 30).expect("a sheet");
        for (i, pixel) in sheet
            .data_mut()
            .as_chunks_mut::<RGBA>()
            .0
            .iter_mut()
            .enumerate()
        {
            let colour = (i as u32 / 3 % colours).to_le_bytes();
            *pixel = [colour[0], colour[1], 7, 255];
        }
        sheet
    }

    #[test]
    fn every_pixel_comes_back_with_a_palette_and_without() {
        for (colours, kind) in [
            (1, png::ColorType::Indexed),
            (256, png::ColorType::Indexed),
            (257, png::ColorType::Rgb),
            (400, png::ColorType::Rgb),
        ] {
            let sheet = stripes(colours);
            let file = encode(&sheet).expect("a file");
            let decoder = png::Decoder::new(std::io::Cursor::new(&file));
            let reader = decoder.read_info().expect("a header");
            assert_eq!(reader.info().color_type, kind, "{colours}");
            let back = tiny_skia::Pixmap::decode_png(&file).expect("an image");
            assert!(back == sheet, "{colours}");
        }
    }

    #[test]
    fn a_figure_is_opaque_and_white_where_nothing_is_drawn() {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="9.3" height="5"><rect x="1" y="1" width="2" height="2" fill="#FF0000"/></svg>"##;
        let back = tiny_skia::Pixmap::decode_png(&render(svg).expect("a file")).expect("an image");
        let at = |x, y| {
            back.pixel(x, y)
                .map(|p| [p.red(), p.green(), p.blue(), p.alpha()])
        };
        assert_eq!((back.width(), back.height()), (12, 7));
        assert_eq!(at(2, 2), Some([255, 0, 0, 255]));
        assert_eq!(at(11, 6), Some([255; 4]));
    }
}
