// SPDX-License-Identifier: Apache-2.0
// "blindbox push": a wrapped image from this machine to a registry.
#include <fmt/format.h>

#include <functional>

#include "blindbox/wrap/wrap.h"
#include "images.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string tag;
  std::string to;
  ImageOptions images;
};

Result<void> push(const Options& options) {
  auto named = image::parse_reference(options.tag);
  if (!named) return base::pass_on(named);
  auto from = tag_reference(options.tag);
  if (!from) return base::pass_on(from);
  auto to = image::parse_reference(options.to.empty() ? options.tag : options.to);
  if (!to) return base::pass_on(to);
  if (options.to.empty() && options.tag.find('/') == std::string::npos) {
    return base::fail(ErrorKind::usage, options.tag + " names no registry", "",
                      "--to REGISTRY/PATH:TAG says where it goes; an image built under such a name is pushed there");
  }
  if (options.to.empty() && named->transport != image::Transport::registry) {
    return base::fail(ErrorKind::usage, options.tag + " says where the image is, not where it goes", "",
                      "--to NAME says where");
  }
  auto source = image::open_source(*from, access(options.images));
  if (!source) return base::pass_on(source);
  auto image = image::read_image(**source);
  if (!image) return base::pass_on(image);
  if (auto wrapped = check_wrapped(*image, options.tag); !wrapped) return wrapped;
  auto target = image::open_target(*to, access(options.images));
  if (!target) return base::pass_on(target);
  TransferProgress progress;
  auto stored = image::copy(**source, **target, *image, std::ref(progress));
  if (!stored) return base::pass_on(stored);
  fmt::print("pushed {}@{}\n", to->text(), stored->digest.text());
  return {};
}

}  // namespace

void add_push(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("push", "upload a wrapped image to the registry that its name says");
  command->add_option("tag", options->tag, "what \"build --tag\" named it")->type_name("TAG")->required();
  command->add_option("--to", options->to, "another name or place: docker://, oci:, docker-archive:")->type_name("REF");
  add_image_options(*command, options->images);
  command->callback([options, &action] {
    action = [options] {
      const auto pushed = push(*options);
      return pushed ? 0 : report(pushed.error());
    };
  });
}

}  // namespace blindbox::apps
