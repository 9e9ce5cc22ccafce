// Colours of this package's socket types and links, in both renderers. The default is VIDEO's.

import { app } from "../../scripts/app.js";

// Each has a contrast of at least 3 : 1 to the canvas in the dark and in the light theme.
const COLORS = {
  SOUNDREACTOR_MODEL: "#9c6ce0",
  SOUNDREACTOR_VISION: "#25938f",
  SOUNDREACTOR_VAE: "#e6524c",
  SOUNDREACTOR_FRAMES: "#3f84e4",
  SOUNDREACTOR_GRID: "#bd740f",
  SOUNDREACTOR_STATE: "#399648",
};

// The front end sets the colours of all types when a palette is chosen, "" for types without one.
function offer(colors, type, color) {
  let chosen = colors[type];
  Object.defineProperty(colors, type, {
    enumerable: true,
    configurable: true,
    get: () => chosen || color,
    set: (value) => {
      chosen = value;
    },
  });
}

app.registerExtension({
  name: "SoundReactor.Sockets",

  setup() {
    for (const [type, color] of Object.entries(COLORS)) {
      offer(app.canvas.default_connection_color_byType, type, color);
      offer(app.canvas.constructor.link_type_colors, type, color);
    }
    // Nodes 2.0 uses CSS variables; those of a palette are set on elements and override these.
    const variables = Object.entries(COLORS).map(([k, v]) => `--color-datatype-${k}: ${v};`);
    const style = document.createElement("style");
    style.textContent = `:root { ${variables.join(" ")} }`;
    document.head.append(style);
  },
});
