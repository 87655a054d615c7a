# kmsim for people who install no toolchain: one static program (musl), or an image that holds nothing else.
#
#   docker build --target program --output . .    writes ./kmsim, which runs on any Linux of this architecture
#   docker build --tag kmsim .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" kmsim run scenarios/media-library.toml
#
# Without Docker: rustup target add x86_64-unknown-linux-musl
#                 cargo build --locked --release --target x86_64-unknown-linux-musl

FROM rust:1.95.0-alpine AS build
# hadolint ignore=DL3018
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN cargo build --locked --release

FROM scratch AS program
COPY --from=build /src/target/release/kmsim /kmsim

FROM scratch
COPY LICENSE-MIT LICENSE-APACHE LICENSES/ /licenses/
COPY --from=build /src/target/release/kmsim /kmsim
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/kmsim"]
