/** Line drawings of 24 by 24, drawn in the colour of the text around them; what they mean stands beside them. */

const PATHS = {
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 21 21',
  close: 'M6 6l12 12M18 6 6 18',
  photos: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01',
  albums: 'M4 8h16v12H4zM6.5 5h11M9 2.5h6',
  peers:
    'M4 20c0-6 2-9 4-9s4 3 4 9M12 20c0-6 2-9 4-9s4 3 4 9M2.5 20h19M8 11V8M16 11V8M8 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM16 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 20.5c1-4 4-6 8-6s7 2 8 6',
  cached: 'M12 3v11M7.5 10 12 14.5 16.5 10M5 19.5h14',
  partial: 'M12 3v7M8.5 7.5 12 11l3.5-3.5M5 19.5h14M5 15.5h5',
  onDemand: 'M7 18.5a4.5 4.5 0 0 1-.4-9A6 6 0 0 1 18 10.6a4 4 0 0 1-.5 7.9H7Z',
  unavailable: 'M7 18.5a4.5 4.5 0 0 1-.4-9M9.8 5.8A6 6 0 0 1 18 10.6a4 4 0 0 1 2.4 6.4M15 18.5H7M4 4l16 16',
  play: 'M8 5v14l11-7z',
  document: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  previous: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  back: 'M20 12H5M11 5l-7 7 7 7',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v6M12 7.5h.01',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14',
  fullScreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  smallScreen: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  zoomIn: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 21 21M10.5 8v5M8 10.5h5',
  zoomOut: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 21 21M8 10.5h5',
  keys: 'M3 7h18v11H3zM6.5 10.5h.01M10 10.5h.01M13.5 10.5h.01M17 10.5h.01M7.5 14.5h9',
  warning: 'M12 4 2.5 20h19zM12 10v5M12 17.5h.01',
  check: 'M5 12.5 10 17.5 19.5 7',
  upload: 'M12 16V5M7.5 9 12 4.5 16.5 9M5 20h14',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  tag: 'M4 4h8l8 8-8 8-8-8zM8.5 8.5h.01',
  pair: 'M9.5 14.5l5-5M11 6.5l1.5-1.5a4.6 4.6 0 0 1 6.5 6.5L17.5 13M13 17.5 11.5 19A4.6 4.6 0 0 1 5 12.5L6.5 11',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  refresh: 'M20 5v5h-5M4 19v-5h5M19.5 10A8 8 0 0 0 6 6.5L4 9M4.5 14A8 8 0 0 0 18 17.5L20 15',
  pause: 'M8 5v14M16 5v14',
  more: 'M5 9l7 7 7-7',
  steps: 'M4 6h2M4 12h2M4 18h2M10 6h10M10 12h10M10 18h10',
  code: 'M8.5 7 3.5 12l5 5M15.5 7l5 5-5 5M13.5 5l-3 14',
  edit: 'M5 19h3L19 8l-3-3L5 16zM14 7l3 3',
  people:
    'M9 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 19.5c.8-3.6 3.2-5.3 6.5-5.3s5.7 1.7 6.5 5.3M16 5.4a3.4 3.4 0 0 1 0 6.4M18 14.6c1.9.8 3 2.4 3.5 4.9',
  key: 'M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 12h9M17.5 12v3M21 12v3',
  agent: 'M5 9h14v10H5zM12 9V5M12 4.5h.01M9 13.5h.01M15 13.5h.01M9.5 16.5h5',
  settings: 'M4 7h8M16 7h4M14 5v4M4 12h13M20 12h.01M4 17h4M12 17h8M10 15v4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
