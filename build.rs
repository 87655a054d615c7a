//! Plotly's JavaScript, which the crate `plotly` carries, as text that a page can hold: gzip in base64, with its hash.
//!
//! Pages copy it as it is, so that no run spends time on compressing. The crate's MathJax, which no figure needs, is left out.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "report")]
    library::write();
}

#[cfg(feature = "report")]
mod library {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use flate2::{Compression, write::GzEncoder};
    use sha2::{Digest, Sha256};
    use std::io::Write;
    use std::path::PathBuf;
    use std::{env, fs};

    /// Writes the library, and the hash by which a page allows it and nothing else to run.
    pub fn write() {
        let sources = plotly::Plot::offline_js_sources();
        let source = first_script(&sources);
        assert!(
            source.contains("plotly.js v") && !source.contains("MathJax.js v"),
            "the first script of the crate `plotly` is not Plotly"
        );
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(source.as_bytes()).expect("memory");
        let packed = gzip.finish().expect("memory");
        let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the folder"));
        let write = |name: &str, text: String| {
            fs::write(folder.join(name), text).expect("cargo's folder can be written");
        };
        write("plotly.js.gz.base64", STANDARD.encode(packed));
        write("plotly.js.sha256", STANDARD.encode(Sha256::digest(source)));
    }

    /// The text of the first script element.
    fn first_script(html: &str) -> &str {
        let after = html.split_once("<script").expect("a script").1;
        let text = after.split_once('>').expect("a script").1;
        text.split_once("</script>").expect("its end").0
    }
}
