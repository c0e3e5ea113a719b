import Figures

/// Rules of the report of a run beside those that all reports share.
enum RunStyle {
    /// Rules for the `style` element.
    static let css: HTML = """
        :root { --third: #2f8f63; --fourth: #8b5cb3; }
        @media (prefers-color-scheme: dark) { :root { --third: #5fbf92; --fourth: #b893dc; } }
        header .lead { margin-bottom: 16px; }
        .series1 { --series: var(--kept); }
        .series2 { --series: var(--dropped); }
        .series3 { --series: var(--third); }
        .series4 { --series: var(--fourth); }
        .run .legend { margin: 2px 0; }
        .run .legend i { background: var(--series); }
        .run.large { margin-bottom: 16px; }
        .plot { position: relative; height: 168px; margin: 16px 12px 22px 46px; }
        .run:not(.large) .plot { margin-top: auto; }
        .run:not(.large) figcaption { margin-bottom: 14px; }
        .large .plot { height: 320px; }
        .plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
        .plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke: var(--series); }
        .plot path.grid { stroke: var(--line); }
        .plot path.axis { stroke: var(--soft); }
        .plot .raw { stroke-width: 1; opacity: .35; }
        .plot .mean { stroke-width: 2; }
        .plot .dots { stroke-width: 6; stroke-linecap: round; }
        .plot span { position: absolute; font-size: 11px; line-height: 1; color: var(--soft); white-space: nowrap;
          font-variant-numeric: tabular-nums; }
        .plot .y { right: calc(100% + 7px); transform: translateY(-50%); }
        .plot .x { top: calc(100% + 7px); transform: translateX(-50%); }
        .strips { margin: 0 0 20px; }
        .strips h3 { margin: 0 0 6px; }
        .strip { overflow-x: auto; margin: 0 0 8px; border-radius: 4px; background: var(--card); }
        .strip img { display: block; width: 100%; min-width: 720px; height: auto; }
        .strip img.small { image-rendering: pixelated; }
        .strip img.single { width: auto; min-width: 0; max-width: 100%; }
        .settings { align-items: start; row-gap: 0; }
        .settings table { table-layout: fixed; width: 100%; }
        .settings th { color: var(--soft); width: 46%; }
        @media (max-width: 560px) { .large .plot { height: 240px; } }
        @media print { .plot .raw { opacity: .5; } .strip img { min-width: 0; } .run, .strips { break-inside: avoid; } }

        """
}
