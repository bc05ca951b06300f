interface ErrorSeen {
  class: string;
  code: string;
  status: number;
  message: string;
}

/** What `clients/notebook_boto3.py` prints: the answers to what a notebook asks. */
export interface NotebookAnswers {
  bucketsBefore: string[];
  headBefore: ErrorSeen;
  bucket: string;
  bucketsAfter: string[];
  caller: string;
  role: string;
  listBefore: number;
  uploaded: number;
  fit: {
    status: string;
    transitions: string[];
    streams: string[];
    lines: string[];
    seconds: [number, number];
    metrics: string[];
    echo: Record<string, boolean>;
    artifact: string;
    outputKey: string;
  };
  elsewhere: string;
  errors: Record<string, ErrorSeen>;
  deploy: { statuses: string[]; again: ErrorSeen };
  answers: { key: string; body: string; contentType: string; variant: string; isPython: boolean }[];
  modelError: { status: number; original: number; message: string; body: string };
  captures: { keys: string[]; keysV2: string[]; lines: string[] };
  duringUpdate: string;
  updatedTo: string;
  endpoint: string;
  prefix: string;
}
