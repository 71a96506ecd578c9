# The compiler of rust-toolchain.toml. This variant has make and perl, with which the TLS library is
# built.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package tailsift \
    && install -D --strip target/release/tailsift /out/tailsift

# The same release of Debian, hence the same C library.
FROM debian:12.11-slim
# For brokers whose certificates a public authority signed.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tailsift /usr/local/bin/tailsift
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["tailsift"]
CMD ["--help"]
