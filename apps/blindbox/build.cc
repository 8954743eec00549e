// SPDX-License-Identifier: Apache-2.0
// "blindbox build": any image in, a sealed one out.
#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <functional>

#include "blindbox/base/file.h"
#include "blindbox/egress/ranges.h"
#include "blindbox/wrap/wrap.h"
#include "build_contents.h"
#include "images.h"
#include "init_program.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string source;
  std::string tag;
  std::string specification = "blindbox.yml";
  std::string init;
  std::optional<std::string> platform;
  ImageOptions images;
};

Result<specification::Specification> load_specification(const std::string& path) {
  auto text = base::read_file(path, specification::kSpecificationCap);
  if (text) return specification::parse_yaml(base::as_text(*text), path);
  Error error = text.error();
  if (error.hint.empty()) error.hint = "\"blindbox init\" writes one; --specification names another";
  return tl::unexpected<Error>(std::move(error));
}

// blindbox-init would refuse the address at each request: better said now.
Result<void> check_egress(const specification::Specification& settings, const std::string& file) {
  for (const auto& [host, port] : settings.egress) {
    boost::system::error_code name;
    const auto address = boost::asio::ip::make_address(host, name);
    if (name) continue;
    if (const auto range = egress::forbidden(address)) {
      return base::fail(ErrorKind::malformed, fmt::format("{}: egress to {} is never allowed", file, host),
                        fmt::format("it is {}", *range), "list the host's public name, or remove the entry");
    }
  }
  return {};
}

// The digest is the tag's from now on: what is printed is what was stored.
Result<image::Image> store(image::Source& source, const image::Reference& tag, const wrap::Wrapped& wrapped,
                           const Options& options) {
  auto layer = image::blob_of(base::view(wrapped.layer));
  if (!layer) return base::pass_on(layer);
  auto config = image::blob_of(base::view(wrapped.image.config_json));
  if (!config) return base::pass_on(config);
  image::Overlay all(source);
  all.add(wrapped.image.layers.back().blob.digest, *std::move(layer));
  all.add(wrapped.image.manifest.config.digest, *std::move(config));
  auto target = image::open_target(tag, access(options.images));
  if (!target) return base::pass_on(target);
  TransferProgress progress;
  return image::copy(all, **target, wrapped.image, std::ref(progress));
}

Result<void> build(const Options& options) {
  auto settings = load_specification(options.specification);
  if (!settings) return base::pass_on(settings);
  if (auto allowed = check_egress(*settings, options.specification); !allowed) return allowed;
  auto from = image::parse_reference(options.source);
  if (!from) return base::pass_on(from);
  auto to = tag_reference(options.tag);
  if (!to) return base::pass_on(to);
  auto init = load_init_program(options.init);
  if (!init) return base::pass_on(init);
  std::optional<image::Platform> platform;
  if (options.platform) {
    auto wanted = image::parse_platform(*options.platform);
    if (!wanted) return base::pass_on(wanted);
    platform = *wanted;
  }
  auto source = image::open_source(*from, access(options.images));
  if (!source) return base::pass_on(source);
  auto original = image::read_image(**source, platform);
  if (!original) return base::pass_on(original);
  // Only a registry's name means the same to everybody, and the digest must not depend on where a file lay.
  const std::string name = from->transport == image::Transport::registry ? from->full_name() : "";
  auto wrapped = wrap::wrap(*original, name, *settings, *init, BLINDBOX_VERSION);
  if (!wrapped) return base::pass_on(wrapped);
  if (auto sound = check_contents(**source, *original, wrapped->notes); !sound) return sound;
  for (const std::string& note : wrapped->notes) fmt::print(stderr, "blindbox: note: {}\n", note);
  if (!original->offered.empty()) {
    fmt::print("platform {} of {} offered\n", original->config.platform.text(), original->offered.size());
  }
  auto stored = store(**source, *to, *wrapped, options);
  if (!stored) return base::pass_on(stored);
  const auto& specification = wrapped->specification;
  fmt::print(
      "base           {}\nimage          {}\nspecification  "
      "sha256:{}\napplication    port {}, clients port {}, at "
      "least {}\nbuilt          {}\n",
      original->digest.text(), stored->digest.text(),
      base::to_hex(base::sha256(base::view(specification::encode(specification)))), specification.port,
      specification.tls_port, specification::tier_name(specification.minimum_tier), options.tag);
  return {};
}

}  // namespace

void add_build(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("build", "wrap an image in isolation layers, by what blindbox.yml says");
  command
      ->add_option("--source-image", options->source,
                   "docker://NAME or a bare name (a registry's), "
                   "oci:DIR[:TAG], docker-archive:FILE[:TAG] with - for\n"
                   "standard input, as in: docker save NAME | blindbox build "
                   "--source-image docker-archive:- ...")
      ->type_name("REF")
      ->required();
  command
      ->add_option("-t,--tag", options->tag,
                   "the wrapped image's name: a bare one is kept on this "
                   "machine for run and push; docker://, oci: and\n"
                   "docker-archive: write it there")
      ->type_name("TAG")
      ->required();
  command->add_option("--specification", options->specification)->type_name("FILE")->capture_default_str();
  command->add_option("--init", options->init, "another blindbox-init than the one that came with this blindbox")
      ->type_name("FILE");
  command->add_option("--image-platform", options->platform, "which of a multi-platform image; else linux/amd64")
      ->type_name("OS/ARCH");
  add_image_options(*command, options->images);
  command->callback([options, &action] {
    action = [options] {
      const auto built = build(*options);
      return built ? 0 : report(built.error());
    };
  });
}

}  // namespace blindbox::apps
